import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { isLoopback } from '@nomyo-internal/http-server'
import type { GatewayConfig } from '../../config/config.js'
import type { Check } from '../check.js'

/** Checks who can call the gateway, and who can read along. */
export const exposureCheck: Check = {
  name: 'exposure',
  run: (config) => {
    const warnings = exposures(config)
    if (warnings.length > 0) return Promise.resolve(warnings)
    const callers = isOpen(config) ? 'every program on this machine' : 'callers with an API key'
    return Promise.resolve([ok(`${callers} can use ${config.host}`)])
  },
}

const isOpen = ({ apiKeys, keysFile }: GatewayConfig): boolean =>
  apiKeys === undefined && keysFile === undefined

function exposures(config: GatewayConfig): readonly Finding[] {
  const { host, tls, trustedProxies = [], metrics } = config
  const isRemote = !isLoopback(host)
  const findings: Finding[] = []
  const warnIf = (condition: boolean, message: string, remedy: string): void => {
    if (condition) findings.push(warning(message, remedy))
  }
  warnIf(
    isOpen(config) && isRemote,
    `every caller that reaches ${host} can use this gateway`,
    'set --keys-file or NOMYO_API_KEY, or --host 127.0.0.1',
  )
  warnIf(
    isRemote && tls === undefined && trustedProxies.length === 0,
    `${host} is served without TLS: API keys and lists of models travel in plaintext`,
    'set --tls-cert and --tls-key, or name the proxy that terminates TLS with --trust-proxy',
  )
  warnIf(
    config.corsOrigins?.includes('*') === true,
    'every web page can use this gateway',
    'name the pages with --cors-origin',
  )
  warnIf(
    config.rateLimit === undefined && (isRemote || !isOpen(config) || trustedProxies.length > 0),
    'callers are not limited in how often they send requests',
    'omit --rate-limit off, or set 2/s',
  )
  warnIf(
    metrics !== undefined && !isLoopback(metrics.host),
    `every caller that reaches ${metrics?.host ?? ''} can read the metrics, with names of API keys and models`,
    'keep --metrics-host to a network of your own, or 127.0.0.1',
  )
  warnIf(
    config.engine.kind === 'demo',
    'the demo engine makes its answers up',
    'name a model server: --upstream URL',
  )
  return findings
}
