import { EXIT, UsageError, command, type Settings } from '@nomyo-internal/command-line'
import {
  createLog,
  handleSignals,
  ignoreOutputErrors,
  installCrashHandler,
  logFormatOf,
  logProcessWarnings,
} from '@nomyo-internal/http-server'
import { SERIALIZERS } from '../observability/gateway-log.js'
import type { RelayConfig } from '../relay/config.js'
import { RELAY_OPTIONS } from '../relay/options.js'
import { describeError } from './describe-error.js'

/** `nomyo-gateway relay`: starts a relay. */
export const relayCommand = command({
  summary: 'pass encrypted requests on to one gateway, and hide the addresses of clients from it',
  options: RELAY_OPTIONS,
  exitMeanings: { ok: 'stopped by a signal', failed: 'failure', usage: 'wrong command line' },
  examples: [
    'nomyo-gateway relay --for https://gateway.example --tls-cert cert.pem --tls-key key.pem',
  ],
  notes: [
    'An Oblivious HTTP relay (RFC 9458). It has no key and cannot read messages: it sees addresses, times and ' +
      'sizes, and no path, model, API key or text. The gateway sees the address of the relay, and the API keys. ' +
      'Together they see all of it, so different parties should run them.',
    'Clients name the relay as relayUrl. The gateway names its address with --known-relay, which exempts it from ' +
      'limits per address there: the relay limits its clients itself. Its log contains no addresses. SIGHUP ' +
      'reloads the certificate.',
    'Every option can also be set in the environment: NOMYO_RELAY_FOR for --for, NOMYO_RELAY_PORT for --port.',
  ],
  run: async ({ settings, context }) => {
    const config = relayConfig(settings)
    ignoreOutputErrors([context.stdout, context.stderr])
    const { createRelay } = await import('../relay/relay.js')
    const { logLevel: level, logFormat } = settings.values
    const log = createLog({
      name: 'nomyo-relay',
      level,
      format: logFormatOf(logFormat, context.stderr),
      stream: context.stderr,
      serializers: SERIALIZERS,
    })
    const onceRunning = handleSignals({
      log: (message) => {
        log.info(message)
      },
      actions: ['SIGHUP'],
    })
    if (config.gateway.startsWith('http:')) {
      log.warn(
        'the gateway has an http:// URL: the network on the way to it can see times and sizes of requests',
      )
    }
    const relay = await createRelay(config, log).catch((error: unknown) => {
      log.level = 'fatal'
      log.fatal(describeError(error).text)
    })
    if (relay === undefined) return EXIT.failed
    logProcessWarnings(log)
    installCrashHandler((message) => {
      log.fatal(message)
    })
    context.stdout.write(`listening on ${relay.url}\n`)
    const reloadCertificate = async (): Promise<void> => {
      try {
        await relay.reloadCertificate()
        log.info('certificate reloaded')
      } catch (error) {
        log.error(`certificate not reloaded: ${describeError(error).text}`)
      }
    }
    onceRunning({
      close: () => relay.close(),
      timeoutMs: config.drainTimeoutMs,
      actions: { SIGHUP: () => void reloadCertificate() },
    })
    return EXIT.ok
  },
})

/** @throws UsageError */
function relayConfig(settings: Settings<typeof RELAY_OPTIONS>): RelayConfig {
  const { for: gateway, rateLimit, tlsCert: certFile, tlsKey: keyFile, ...values } = settings.values
  if (gateway === undefined) throw new UsageError('name the gateway: --for https://gateway.example')
  if (values.corsOrigin.includes('*') && values.corsOrigin.length > 1) {
    throw settings.mistake('corsOrigin', 'allows every origin with *: remove the others')
  }
  if (values.idleTimeout > values.totalTimeout) {
    throw settings.mistake('idleTimeout', 'must not be longer than --total-timeout')
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw certFile === undefined
      ? settings.mistake('tlsKey', 'needs --tls-cert FILE')
      : settings.mistake('tlsCert', 'needs --tls-key FILE')
  }
  return {
    gateway,
    sourceAddress: values.sourceAddress,
    host: values.host,
    port: values.port,
    tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
    trustedProxies: values.trustProxy.flat(),
    corsOrigins: values.corsOrigin,
    rateLimit: rateLimit === 'off' ? undefined : { perSecond: rateLimit, burst: 2 * rateLimit },
    maxRequests: values.maxRequests,
    maxRequestsPerAddress: values.maxRequestsPerAddress,
    maxBodyBytes: values.maxBody,
    maxConnections: values.maxConnections,
    maxConnectionsPerAddress: values.maxConnectionsPerAddress,
    requestTimeoutMs: values.requestTimeout,
    idleTimeoutMs: values.idleTimeout,
    totalTimeoutMs: values.totalTimeout,
    drainTimeoutMs: values.drainTimeout,
  }
}
