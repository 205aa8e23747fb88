import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { until } from '../assertions/until.js'

/** Waits until a process accepts connections. */
export async function untilAccepting(
  address: { readonly path: string } | { readonly host: string; readonly port: number },
  child: ChildProcess,
): Promise<void> {
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${child.exitCode}`)
      const socket = createConnection(address)
      try {
        await once(socket, 'connect')
        return true
      } catch {
        return false
      } finally {
        socket.destroy()
      }
    },
    () => `connections to ${child.spawnfile}`,
  )
}

/** Ends a process that still runs, and waits for its end. */
export async function endProcess(
  child: ChildProcess | undefined,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
