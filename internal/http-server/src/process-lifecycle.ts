import { formatErrorFacts } from '@nomyo-internal/diagnostics'

/** Time for requests in flight to finish after a signal, in milliseconds. */
const SHUTDOWN_TIMEOUT_MS = 30_000

/** Shutdown of a server process. */
export interface ShutdownOptions {
  /** Finishes requests in flight. */
  readonly close: () => Promise<void>
  /** Receives lines for the log. */
  readonly log: (message: string) => void
  /** Added to the time for requests in flight, in milliseconds. Default 0. */
  readonly delayMs?: number | undefined
}

/** Exits on SIGTERM and SIGINT once requests in flight have finished; at once on a second signal. */
export function exitOnSignals({ close, log, delayMs = 0 }: ShutdownOptions): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1)
    stopping = true
    log(`${signal}: finishing requests in flight`)
    setTimeout(() => {
      log('requests are still in flight after the time for them; exiting')
      process.exit(1)
    }, delayMs + SHUTDOWN_TIMEOUT_MS).unref()
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        log(`the shutdown failed: ${formatErrorFacts(error)}`)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/**
 * Exits at an uncaught error as Node does, but without its message, which may quote a prompt. The
 * handler that is installed last reports it.
 */
export function installCrashHandler(report: (message: string) => void): void {
  process.prependListener('uncaughtException', (error: unknown) => {
    report(`internal fault, please report it: ${formatErrorFacts(error)}`)
    process.exit(1)
  })
}

/** Keeps the process alive when its output cannot be written: a full disk costs lines only. */
export function ignoreOutputErrors(
  streams: readonly NodeJS.WritableStream[] = [process.stdout, process.stderr],
): void {
  for (const stream of streams) stream.on('error', () => undefined)
}

/** Explains why an address cannot be listened on; undefined for errors of any other kind. */
export function describeListenError(code: string): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is taken; choose another with --port, or 0 for any.'
    case 'EACCES':
      return 'this port may not be listened on; choose one above 1023 with --port.'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine does not have the address given by --host.'
    default:
      return undefined
  }
}
