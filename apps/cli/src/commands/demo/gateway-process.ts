import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@nomyo-internal/command-line'

/** Key generation takes seconds, rarely ten. */
const START_TIMEOUT_MS = 60_000

/**
 * Starts the gateway with these options on a free port and waits until it listens.
 *
 * @param signal - ends the start
 * @throws Error with the standard error of the gateway when it does not
 */
export async function startGatewayProcess(
  environment: Environment,
  options: readonly string[],
  signal: AbortSignal,
) {
  const entry = fileURLToPath(new URL('./main.js', import.meta.resolve('@nomyo/gateway')))
  const flags = [
    ...options,
    ...['--host', '127.0.0.1', '--port', '0', '--log-level', 'error', '--log-format', 'text'],
  ]
  const child = spawn(process.execPath, [entry, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Settings for another gateway must not reach this one.
    env: Object.fromEntries(
      Object.entries(environment).filter(([name]) => !name.startsWith('NOMYO_')),
    ),
  })
  let notes = ''
  child.stderr.on('data', (text: Buffer) => (notes += text.toString()))
  child.on('error', ({ message }) => (notes += message))
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)])
  for await (const line of createInterface({ input: child.stdout, signal: limit })) {
    const port = /^listening on http:\/\/.*:(\d+)$/.exec(line)?.[1]
    if (port !== undefined) return { port: Number(port), stop }
  }
  await stop()
  throw new Error(`The gateway did not start.\n${notes}`.trim())
}
