import { EXIT, type CommandContext } from '@nomyo-internal/command-line'
import {
  describeDebugger,
  handleSignals,
  ignoreOutputErrors,
  installCrashHandler,
  logFormatOf,
  logProcessWarnings,
} from '@nomyo-internal/http-server'
import { describeGateway, formatBanner } from '../banner.js'
import type { ProxyConfig } from '../config/config.js'
import { describeStartupError } from './describe-startup-error.js'
import { createProxyLog } from '../log.js'
import { createProxy } from '../proxy.js'

/** Starts the proxy, which runs until a signal ends it. Gives the exit code of a start that fails. */
export async function startProxy(
  config: ProxyConfig,
  notices: readonly string[],
  { stdout, stderr }: CommandContext,
): Promise<number> {
  const log = createProxyLog({
    level: config.logLevel,
    format: logFormatOf(config.logFormat, stderr),
    stream: stderr,
  })
  const onceRunning = handleSignals({
    log: (message) => {
      log.info(message)
    },
    // A terminal that closes sends SIGHUP.
    endedBy: ['SIGTERM', 'SIGINT', 'SIGHUP'],
  })
  const debuggerNotice = describeDebugger()
  for (const notice of [...notices, ...(debuggerNotice === undefined ? [] : [debuggerNotice])]) {
    log.warn(notice)
  }
  try {
    const proxy = await createProxy(config, log)
    ignoreOutputErrors()
    if (config.banner) stderr.write(`${formatBanner(config, proxy)}\n`)
    for (const [subject, text] of config.banner ? [] : describeGateway(config, proxy.trust)) {
      log.info(`${subject}: ${text}`)
    }
    if (config.noToken) {
      log.warn('--no-token: every program on this machine can use the API key of the gateway')
    }
    logProcessWarnings(log)
    installCrashHandler((message) => {
      log.fatal(message)
    })
    stdout.write(`listening on ${proxy.url}\n`)
    onceRunning({ close: () => proxy.close(), timeoutMs: config.drainTimeout })
    return EXIT.ok
  } catch (error) {
    // Shown at any level: without it, the exit would have no reason.
    log.level = 'fatal'
    log.fatal(describeStartupError(error, config))
    return EXIT.failed
  }
}
