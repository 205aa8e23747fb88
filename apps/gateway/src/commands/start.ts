import { EXIT, command, describeServiceLink } from '@nomyo-internal/command-line'
import {
  describeDebugger,
  handleSignals,
  ignoreOutputErrors,
  installCrashHandler,
  logFormatOf,
  logProcessWarnings,
} from '@nomyo-internal/http-server'
import { readConfigFile } from '../config/file.js'
import { drainTimeoutMs } from '../config/drain-timeout.js'
import { gatewayConfig } from '../config/load.js'
import { printConfig } from '../config/print.js'
import { rereadConfig } from '../config/reread.js'
import { OPTIONS } from '../config/schema.js'
import { describeError } from './describe-error.js'

/** `nomyo-gateway` without a command: starts a gateway. */
export const startCommand = command({
  summary: 'decrypts requests, forwards them to a model server, encrypts the answers',
  options: OPTIONS,
  exitMeanings: {
    ok: 'stopped by a signal, or a command that succeeded',
    failed: 'failure, or a problem found by the doctor',
    usage: 'wrong command line or config file',
  },
  readFile: (textOf, { environment }) => readConfigFile(textOf, environment),
  examples: [
    'nomyo-gateway --engine demo',
    'nomyo-gateway --upstream http://127.0.0.1:11434/v1 --key-dir ./keys',
    'nomyo-gateway doctor --config gateway.yaml',
    'nomyo-gateway keys add --keys-file keys.json',
    'nomyo-gateway rotate --key-dir ./keys',
  ],
  notes: [
    'Every option can also be set in the environment: NOMYO_PORT for --port and so on. ' +
      'NOMYO_API_KEY, NOMYO_UPSTREAM, NOMYO_CORS_ORIGIN and NOMYO_TRUST_PROXY take several values, ' +
      'separated by commas. Set keys in the environment or in a file: other users of the machine can ' +
      'read command lines. The file of --config has members such as keyDir for --key-dir; options and ' +
      'variables override it.',
  ],
  run: async ({ settings, context }) => {
    const config = gatewayConfig(settings)
    if (settings.values.printConfig) {
      context.stdout.write(printConfig(settings, config))
      return EXIT.ok
    }
    ignoreOutputErrors([context.stdout, context.stderr])
    // Loaded only for a start: --help and --print-config take half the time.
    const { createGateway } = await import('../gateway.js')
    const { createGatewayLog } = await import('../observability/gateway-log.js')
    const logger = createGatewayLog({
      level: config.logLevel,
      format: logFormatOf(settings.values.logFormat, context.stderr),
      stream: context.stderr,
    })
    const onceRunning = handleSignals({
      log: (message) => {
        logger.info(message)
      },
      actions: ['SIGHUP', 'SIGUSR2'],
    })
    const cancelled = new AbortController()
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.once(signal, () => {
        cancelled.abort()
      })
    }
    const debuggerNotice = describeDebugger()
    if (debuggerNotice !== undefined) logger.warn(debuggerNotice)
    for (const variable of settings.serviceLinks) logger.warn(describeServiceLink(variable))
    const gateway = await createGateway(config, {
      log: logger,
      readConfig: () => rereadConfig(settings),
      signal: cancelled.signal,
    }).catch((error: unknown) => {
      if (error === cancelled.signal.reason) return
      // Shown at any level: without it, the exit would have no reason.
      logger.level = 'fatal'
      logger.fatal(describeError(error).text)
    })
    if (gateway === undefined) return cancelled.signal.aborted ? EXIT.ok : EXIT.failed
    logProcessWarnings(logger)
    installCrashHandler((message) => {
      logger.fatal(message)
    })
    logger.info(`server key ${gateway.fingerprint}`)
    if (gateway.identity !== undefined) logger.info(`identity key ${gateway.identity}`)
    context.stdout.write(`listening on ${gateway.url}\n`)
    onceRunning({
      close: () => gateway.close(),
      timeoutMs: (config.drainDelayMs ?? 0) + drainTimeoutMs(config),
      actions: {
        SIGHUP: () => void gateway.reload(),
        SIGUSR2: () => void gateway.rotateKey(),
      },
    })
    return EXIT.ok
  },
})
