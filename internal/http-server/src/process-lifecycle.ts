import { url as debuggerUrl } from 'node:inspector'
import { formatErrorFacts } from '@nomyo-internal/diagnostics'

/** Time for a start to end after a signal to stop, in milliseconds. */
const START_TIMEOUT_MS = 5000

/** A server process that has started. */
export interface RunningServer {
  /** Finishes requests in flight. */
  readonly close: () => Promise<void>
  /** Time for which {@link RunningServer.close} waits for requests, in milliseconds. */
  readonly timeoutMs: number
  /** Actions of signals that do not end the process. */
  readonly actions?: Partial<Record<NodeJS.Signals, () => void>>
}

/** Signals of a server process. */
export interface SignalOptions {
  /** Receives lines for the log. */
  readonly log: (message: string) => void
  /** Signals that end the process. Default: SIGTERM and SIGINT. */
  readonly endedBy?: readonly NodeJS.Signals[]
  /** Signals that have an action once the server runs. */
  readonly actions?: readonly NodeJS.Signals[]
}

/**
 * Handles the signals of a server process from before its start, when their default action would end it
 * half-way. A signal to stop ends the process once requests in flight have finished, or at once if it is
 * the second; during a start it lets the start finish first, for a few seconds. Any other signal has its
 * action once the server runs.
 *
 * @returns receives the server once it runs
 */
export function handleSignals({
  log,
  endedBy = ['SIGTERM', 'SIGINT'],
  actions = [],
}: SignalOptions): (server: RunningServer) => void {
  let running: RunningServer | undefined
  let isStopping = false
  const early = new Set<NodeJS.Signals>()
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(1)
    isStopping = true
    if (running !== undefined) {
      shutDown(running, signal, log)
      return
    }
    log(`${signal}: stopping once the start has finished; a second signal ends the process at once`)
    setTimeout(() => process.exit(0), START_TIMEOUT_MS).unref()
  }
  const act = (signal: NodeJS.Signals): void => {
    if (running === undefined) early.add(signal)
    else running.actions?.[signal]?.()
  }
  for (const signal of endedBy) process.on(signal, stop)
  for (const signal of actions) process.on(signal, act)
  return (server) => {
    running = server
    if (isStopping) shutDown(server, 'the signal during the start', log)
    else for (const signal of early) act(signal)
  }
}

function shutDown(
  { close, timeoutMs }: RunningServer,
  signal: string,
  log: SignalOptions['log'],
): void {
  log(
    `${signal}: finishing requests in flight, for at most ${timeoutMs / 1000} seconds; ` +
      'a second signal ends the process at once',
  )
  setTimeout(() => {
    log('the time for requests in flight is over, and some are not finished; exiting')
    process.exit(1)
  }, timeoutMs).unref()
  close().then(
    () => process.exit(0),
    (error: unknown) => {
      log(`the shutdown failed: ${formatErrorFacts(error)}`)
      process.exit(1)
    },
  )
}

/**
 * Describes a debugger that is attached to this process, or was asked for; undefined without one. It
 * shows all of its memory, private keys included, to every user of the machine that can connect to it.
 */
export function describeDebugger(
  options: readonly string[] = [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv],
): string | undefined {
  const isAsked = options.some((option) => /--inspect(?:-brk|-wait)?(?:[=\s]|$)/.test(option))
  if (debuggerUrl() === undefined && !isAsked) return undefined
  return (
    "Node's debugger is on: every user of this machine can read keys and prompts through it. " +
    'Start without --inspect, also in NODE_OPTIONS'
  )
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

/** Flags that set the address of a listener. */
export interface ListenFlags {
  readonly host: string
  readonly port: string
}

/** Explains why an address cannot be listened on; undefined for errors of any other kind. */
export function describeListenError(
  code: string,
  { host, port }: ListenFlags = { host: '--host', port: '--port' },
): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `the port is taken; choose another with ${port}, or 0 for any.`
    case 'EACCES':
      return `this user may not listen on this port; choose one above 1023 with ${port}.`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine does not have the address given by ${host}.`
    default:
      return undefined
  }
}
