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
    return Promise.resolve([ok(`${callers} can use this gateway, on ${config.host}`)])
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
    'remove --rate-limit off, or set a limit such as 2/s',
  )
  warnIf(
    metrics !== undefined && !isLoopback(metrics.host),
    `every caller that reaches ${metrics?.host ?? ''} can read the metrics, with names of API keys and models`,
    'set --metrics-host to 127.0.0.1, or to an address in a private network',
  )
  warnIf(
    config.engine.kind === 'demo',
    'the demo engine invents its answers',
    'name a model server: --upstream URL',
  )
  return findings
}
