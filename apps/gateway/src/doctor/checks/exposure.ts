import type { GatewayConfig } from '../../config/config.js'
import { isLoopback } from '../../http/loopback.js'
import { ok, warning, type Check, type Finding } from '../finding.js'

/** Who may come in, and who may read along. */
export const exposureCheck: Check = {
  name: 'exposure',
  run: (config) => Promise.resolve(findingsOn(config)),
}

function findingsOn(config: GatewayConfig): readonly Finding[] {
  const { host, apiKeys, keysFile, tls, trustedProxies = [], rateLimit, engine, metrics } = config
  const findings: Finding[] = []
  const isOpen = apiKeys.length === 0 && keysFile === undefined
  const isFar = !isLoopback(host)
  if (isOpen && isFar) {
    findings.push(
      warning(
        `everybody who reaches ${host} may use this gateway`,
        'give --keys-file or NOMYO_API_KEY, or --host 127.0.0.1',
      ),
    )
  }
  if (isFar && tls === undefined && trustedProxies.length === 0) {
    findings.push(
      warning(
        `${host} is served without TLS: API keys and lists of models travel in the clear`,
        'give --tls-cert and --tls-key, or name the proxy that has them with --trust-proxy',
      ),
    )
  }
  if (config.corsOrigins?.includes('*') === true) {
    findings.push(
      warning('every web page may use this gateway', 'name the pages with --cors-origin'),
    )
  }
  if (rateLimit === undefined) {
    findings.push(
      warning('nobody is limited in how often they ask', 'leave --rate-limit off away, or say 2/s'),
    )
  }
  if (metrics !== undefined && !isLoopback(metrics.host)) {
    findings.push(
      warning(
        `everybody who reaches ${metrics.host} may read the metrics`,
        'keep --metrics-host to a network of your own, or 127.0.0.1',
      ),
    )
  }
  if (engine.kind === 'demo') {
    findings.push(
      warning('the demo engine makes answers up', 'name a model server: --upstream URL'),
    )
  }
  if (findings.length > 0) return findings
  return [ok(`${isOpen ? 'everybody on this machine' : 'whoever has an API key'} may use ${host}`)]
}
