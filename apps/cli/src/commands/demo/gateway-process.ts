import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Environment } from '@nomyo-internal/command-line'

/** Key generation takes seconds, rarely ten. A model is fetched and loaded in any time. */
const START_TIMEOUT_MS = 60_000
/** Line of the log about the fetching and loading of a model. */
const MODEL_NOTE = / info {2}(model .+)$/

/** Circumstances of a start. */
export interface GatewayStart {
  readonly options: readonly string[]
  /** Ends the start. */
  readonly signal: AbortSignal
  /** Receives each step of the fetching and loading of a model. */
  readonly onModelNote: (note: string) => void
}

/**
 * Starts the gateway with these options on a free port and waits until it listens.
 *
 * @throws Error with the standard error of the gateway when it does not
 */
export async function startGatewayProcess(
  environment: Environment,
  { options, signal, onModelNote }: GatewayStart,
) {
  const hasModel = options.includes('--model')
  const entry = fileURLToPath(new URL('./main.js', import.meta.resolve('@nomyo/gateway')))
  const flags = [
    ...options,
    ...[
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--log-level',
      hasModel ? 'info' : 'error',
      '--log-format',
      'text',
    ],
  ]
  const child = spawn(process.execPath, [entry, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Settings for another gateway must not reach this one.
    env: Object.fromEntries(
      Object.entries(environment).filter(([name]) => !name.startsWith('NOMYO_')),
    ),
  })
  let notes = ''
  createInterface({ input: child.stderr }).on('line', (line) => {
    const [, note] = MODEL_NOTE.exec(line) ?? []
    if (note !== undefined) onModelNote(note)
    else notes += `${line}\n`
  })
  child.on('error', ({ message }) => (notes += message))
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
  const limit = hasModel ? signal : AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)])
  for await (const line of createInterface({ input: child.stdout, signal: limit })) {
    const port = /^listening on http:\/\/.*:(\d+)$/.exec(line)?.[1]
    if (port !== undefined) return { port: Number(port), stop }
  }
  await stop()
  throw new Error(`The gateway did not start.\n${notes}`.trim())
}
