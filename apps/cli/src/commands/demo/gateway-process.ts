import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@nomyo-internal/command-line'

/** A gateway in a separate process. */
export interface GatewayProcess {
  readonly port: number
  stop(): Promise<void>
}

/** Key generation takes seconds, rarely ten. */
const START_TIMEOUT_MS = 60_000

/**
 * Starts the gateway with its demo engine on a free port and waits until it listens.
 *
 * @throws Error with the standard error of the gateway when it does not
 */
export async function startGatewayProcess(environment: Environment): Promise<GatewayProcess> {
  const entry = fileURLToPath(new URL('./main.js', import.meta.resolve('@nomyo/gateway')))
  const flags = ['--engine', 'demo', '--host', '127.0.0.1', '--port', '0', '--log-level', 'error']
  const child = spawn(process.execPath, [entry, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Settings for another gateway must not reach this one.
    env: Object.fromEntries(
      Object.entries(environment).filter(([name]) => !name.startsWith('NOMYO_')),
    ),
  })
  let notes = ''
  child.stderr.on('data', (text: Buffer) => {
    notes += text.toString()
  })
  try {
    const port = await listeningPort(child)
    return { port, stop: () => stop(child) }
  } catch (error) {
    await stop(child)
    throw new Error(`The gateway did not start.\n${notes}`.trim(), { cause: error })
  }
}

async function listeningPort(
  child: ChildProcess & { stdout: NodeJS.ReadableStream },
): Promise<number> {
  const signal = AbortSignal.timeout(START_TIMEOUT_MS)
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('the process ended')
  })
  const port = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const match = /^listening on http:\/\/.*:(\d+)$/.exec(line)
      if (match !== null) return Number(match[1])
    }
    return ended
  })()
  return Promise.race([port, ended])
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
