import type { ProxyConfig } from './config.js'
import { explain } from './explain.js'
import { firstScreen, foundOut } from './first-screen.js'
import { createLog, errorFacts, type Log } from './log.js'
import { readOptions, type Command } from './options/options.js'
import { UsageError } from './options/usage-error.js'
import { startProxy, type Proxy } from './proxy.js'

/** Requests in flight get this long to finish after a signal. */
const DRAIN_MS = 30_000
const EXIT = { ok: 0, failed: 1, usage: 2 } as const

process.on('uncaughtException', (error: unknown) => {
  // As Node would, but without the words of the error: those may quote what was opened.
  say(`internal fault, please report it: ${errorFacts(error)}`)
  process.exit(EXIT.failed)
})
const command = readCommand()
if (command?.kind === 'help') process.stdout.write(command.text)
if (command?.kind === 'start') await start(command.config)

function readCommand(): Command | undefined {
  try {
    const { argv, env, stderr } = process
    return readOptions(argv.slice(2), env, stderr.isTTY)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    say(`${error.message} See --help.`)
    process.exitCode = EXIT.usage
    return undefined
  }
}

async function start(config: ProxyConfig): Promise<void> {
  const log = createLog(config.logLevel)
  // A reader of lines that has gone costs lines, not the proxy.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  try {
    const proxy = await startProxy(config, log)
    if (config.firstScreen) process.stderr.write(`${firstScreen(config, proxy)}\n`)
    else for (const [about, text] of foundOut(config, proxy)) log.info(`${about}: ${text}`)
    if (config.token.kind === 'none') {
      log.warn('--no-token: every program on this machine may use the API key of the gateway')
    }
    stopOnSignals(proxy, log)
    process.stdout.write(`listening on ${proxy.url}\n`)
  } catch (error) {
    say(explain(error, config))
    process.exitCode = EXIT.failed
  }
}

function stopOnSignals(proxy: Proxy, log: Log): void {
  let stopping = false
  const stop = (signal: NodeJS.Signals): void => {
    // A second signal means now.
    if (stopping) process.exit(EXIT.failed)
    stopping = true
    log.info(`${signal}: finishing requests in flight`)
    setTimeout(() => {
      log.warn('requests are still in flight; giving up on them')
      process.exit(EXIT.failed)
    }, DRAIN_MS).unref()
    proxy.close().then(
      () => process.exit(EXIT.ok),
      () => process.exit(EXIT.failed),
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** Standard output has the ready line only. */
function say(message: string): void {
  process.stderr.write(`nomyo-proxy: ${message}\n`)
}
