import type { GatewayConfig, LoadConfig, TlsConfig } from '../config.js'
import { isProxyAddress } from '../trusted-proxies.js'
import type { Environment } from './flag.js'
import { parseDuration } from './parse-duration.js'
import type { FlagValues } from './parse-flags.js'
import { UsageError } from './usage-error.js'
import { listOf, readCount, readPort, type Read } from './values.js'

export function readTls(read: Read): TlsConfig | undefined {
  const certFile = read('tls-cert')
  const keyFile = read('tls-key')
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile }
  if (certFile === undefined && keyFile === undefined) return undefined
  throw new UsageError('--tls-cert and --tls-key need each other.')
}

export function readProxies(
  given: FlagValues[string],
  environment: Environment,
): readonly string[] {
  const proxies = listOf(given, environment['NOMYO_TRUST_PROXY'])
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
  if (proxies.every(isProxyAddress)) return proxies
  throw new UsageError(
    '--trust-proxy must be addresses or networks such as 192.0.2.1, 10.0.0.0/8 or loopback.',
  )
}

export function readLoad(read: Read): LoadConfig {
  return {
    maxOpens: readCount('max-opens', read, 1),
    maxQueue: readCount('max-queue', read, 0),
    maxRequests: readCount('max-requests', read, 1),
    maxConnections: readCount('max-connections', read, 1),
    maxConnectionsPerAddress: readCount('max-connections-per-address', read, 1),
    requestTimeoutMs: readRequestTimeout(read('request-timeout')),
  }
}

function readRequestTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const timeoutMs = parseDuration(text)
  if (timeoutMs !== undefined && timeoutMs >= 1000 && timeoutMs <= 3_600_000) return timeoutMs
  throw new UsageError('--request-timeout must be a time from 1s to 1h, such as 30s or 2m.')
}

export function readMetrics(read: Read, readGiven: Read): GatewayConfig['metrics'] {
  const port = readGiven('metrics-port')
  if (port !== undefined) {
    return { host: read('metrics-host') ?? '', port: readPort('metrics-port', port) }
  }
  if (readGiven('metrics-host') === undefined) return undefined
  throw new UsageError('--metrics-host needs --metrics-port PORT.')
}

export function readDrainDelay(text: string): number | undefined {
  const delayMs = parseDuration(text)
  if (delayMs === undefined || delayMs > 600_000) {
    throw new UsageError('--drain-delay must be a time up to 10m, such as 5s.')
  }
  return delayMs === 0 ? undefined : delayMs
}
