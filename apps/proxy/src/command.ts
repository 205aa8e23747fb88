import {
  EXIT,
  command,
  describeServiceLink,
  type CommandContext,
} from '@nomyo-internal/command-line'
import {
  describeDebugger,
  handleSignals,
  ignoreOutputErrors,
  installCrashHandler,
  logFormatOf,
  logProcessWarnings,
} from '@nomyo-internal/http-server'
import { describeGateway, formatBanner } from './banner.js'
import { configOf, type ProxyConfig } from './config/config.js'
import { OPTIONS } from './config/options.js'
import { describeStartupError } from './describe-startup-error.js'
import { createProxyLog } from './log.js'
import { createProxy } from './proxy.js'

/** The command of the proxy, which starts it. */
export const proxyCommand = command({
  summary: "OpenAI's API on this machine, end-to-end encrypted to a gateway",
  options: OPTIONS,
  examples: [
    'NOMYO_API_KEY=... nomyo-proxy',
    'nomyo-proxy --gateway https://gateway.example --api-key-file ~/.nomyo/api_key --policy policy.json',
  ],
  notes: [
    'Every option can also be set in the environment: NOMYO_BASE_URL for --gateway, NOMYO_PROXY_PORT for ' +
      '--port and so on; several values are separated by commas. Keys and tokens are never taken from the ' +
      'command line, which other users of the machine can see.',
  ],
  exitMeanings: {
    ok: 'stopped by a signal, with every request in flight finished',
    failed: 'the gateway is not trusted or does not answer, or a failure',
    usage: 'wrong command line or environment',
  },
  run: async ({ settings, context }) => {
    const { environment, stderr } = context
    const config = configOf(settings, environment, stderr.isTTY === true)
    return start(config, settings.serviceLinks.map(describeServiceLink), context)
  },
})

async function start(
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
