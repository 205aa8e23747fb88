import { SecurityError } from '@nomyo/crypto/errors'
import { TpmError } from '@nomyo/tpm/errors'
import { KeysFileError } from './access/keys-file.js'
import { CaFileError } from './upstreams/ca-file.js'
import { endQuietlyOnFaults } from './commands/crash-handler.js'
import type { Gateway } from './gateway.js'
import { UsageError } from './config/options/usage-error.js'
import { KeyStoreError } from './server-keys/server-key-store.js'
import { TlsFileError } from './http/tls.js'

/** Requests in flight get this long to finish after a signal. */
const DRAIN_MS = 30_000
const EXIT = { ok: 0, failed: 1, usage: 2 } as const

endQuietlyOnFaults(say)
await run()

async function run(): Promise<void> {
  try {
    // What a command does not need is not loaded: keys are looked after in half the time.
    if (process.argv[2] === 'keys') {
      const { keysCommand } = await import('./commands/api-keys.js')
      process.stdout.write(await keysCommand(process.argv.slice(3), process.env))
      return
    }
    if (process.argv[2] === 'doctor') {
      await runDoctor()
      return
    }
    const { readOptions } = await import('./config/options/options.js')
    const command = readOptions(process.argv.slice(2), process.env)
    if ('text' in command) {
      process.stdout.write(command.text)
      return
    }
    if (command.kind !== 'start') {
      const { runKeyCommand } = await import('./commands/server-keys.js')
      process.stdout.write(`${await runKeyCommand(command.kind, command.place, say)}\n`)
      return
    }
    outliveOutput()
    const { createGateway } = await import('./gateway.js')
    const gateway = await createGateway(command.config, say)
    say(`server key ${gateway.fingerprint}`)
    stopOnSignals(gateway, command.config.drainDelayMs)
    process.on('SIGHUP', () => void gateway.reload())
    process.on('SIGUSR2', () => void gateway.rotateKey())
    process.stdout.write(`listening on ${gateway.url}\n`)
  } catch (error) {
    fail(error)
  }
}

async function runDoctor(): Promise<void> {
  const { doctorCommand } = await import('./doctor/doctor-command.js')
  const { argv, env, stdout } = process
  const { text, exitCode } = await doctorCommand(argv.slice(3), env, stdout.isTTY)
  // What did not answer in time may never let the process end by itself.
  stdout.write(text, () => process.exit(exitCode))
}

/** A full disk, or a reader of logs that has gone, costs lines and not the gateway; later ones are tried. */
function outliveOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

function stopOnSignals(gateway: Gateway, drainDelayMs = 0): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    // A second signal means now.
    if (stopping) process.exit(EXIT.failed)
    stopping = true
    say(`${signal}: finishing requests in flight`)
    setTimeout(() => {
      say('requests are still in flight; giving up on them')
      process.exit(EXIT.failed)
    }, drainDelayMs + DRAIN_MS).unref()
    gateway.close().then(() => {
      process.exit(EXIT.ok)
    }, fail)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** Without anything to read again, SIGHUP ends the gateway as it ends every program. */
function fail(error: unknown): void {
  say(explain(error))
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed
}

/** What went wrong and what to do, without the stack a stranger cannot use. */
function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message} See --help.`
  if (error instanceof SecurityError) return `${error.message} (${error.code})`
  if (error instanceof KeyStoreError) return `${error.message} (${error.code})`
  if (error instanceof KeysFileError) return `${error.message}.`
  if (error instanceof CaFileError) return `${error.message} (${error.code})`
  if (error instanceof TlsFileError) return `${error.message} (${error.code})`
  if (error instanceof TpmError)
    return `no attestation, and --tpm-required: ${error.message} (${error.code})`
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'the port is taken; choose another with --port, or 0 for any.'
  if (code === 'EACCES')
    return 'this port may not be listened on; choose one above 1023 with --port.'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return 'this machine does not have the address given by --host.'
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Notes for people go to standard error; standard output has the ready line only. */
function say(message: string): void {
  process.stderr.write(`nomyo-gateway: ${message}\n`)
}
