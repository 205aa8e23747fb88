import { isLoopback } from '@nomyo-internal/http-server'
import {
  SECURITY_TIERS,
  type SecurityTier,
  type TierPolicy,
} from '../../access/policy/tier-policy.js'
import type { GatewayConfig } from '../../config/config.js'
import type { Logger } from '../../observability/log.js'
import type { PoolConfig } from './pool.js'
import type { UpstreamConfig } from './upstream.js'

type UpstreamsConfig = Exclude<GatewayConfig['engine'], { kind: 'demo' | 'model' }>

/**
 * Plans the pool of the configured model servers. Each serves the tiers that it is marked for; without
 * any configuration of tiers, every server serves all of them.
 */
export function planUpstreams(
  config: UpstreamsConfig,
  policy: TierPolicy | undefined,
  logger: Logger,
): PoolConfig {
  const upstreams = upstreamsOf(config)
  const hasTiers = policy !== undefined || upstreams.some(({ tiers }) => tiers !== undefined)
  const defaultTiers: readonly SecurityTier[] = hasTiers ? ['standard'] : SECURITY_TIERS
  return {
    upstreams: upstreams.map((upstream) => {
      const marked = upstream.tiers ?? defaultTiers
      const tiers = marked.filter(
        (tier) => policy?.ruleOf(tier)?.requireUpstreamTls !== true || isPrivateUrl(upstream.url),
      )
      if (tiers.length < marked.length) {
        const lost = marked.filter((tier) => !tiers.includes(tier)).join(', ')
        logger.warn(`upstream ${upstream.name} has no TLS and is not used for ${lost}`)
      }
      return { ...upstream, tiers }
    }),
    health: config.kind === 'upstreams' ? config.health : undefined,
  }
}

/** Lists the configured model servers; a single one is named `upstream`. */
export function upstreamsOf(config: UpstreamsConfig): readonly UpstreamConfig[] {
  if (config.kind === 'upstreams') return config.upstreams
  const { baseUrl: url, apiKey, caFile, healthPath } = config
  return [{ name: 'upstream', url, apiKey, caFile, healthPath }]
}

/** Checks that no one on the network path can read along: with TLS, or on this machine. */
export function isPrivateUrl(text: string): boolean {
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || isLoopback(hostname)
}
