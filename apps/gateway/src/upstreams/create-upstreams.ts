import type { GatewayConfig } from '../config/config.js'
import type { Notice } from '../observability/notice.js'
import { SECURITY_TIERS, type SecurityTier } from '../access/security-tier.js'
import type { TierPolicy } from '../access/tier-policy.js'
import { isPrivateUrl } from './upstream-url.js'
import type { Engine } from './engine.js'
import { UpstreamPool } from './pool.js'
import type { UpstreamConfig } from './upstream.js'

type UpstreamsConfig = Exclude<GatewayConfig['engine'], { kind: 'demo' }>

/**
 * The model servers a gateway asks, each for the tiers it is marked for. Where nothing is said of
 * tiers at all, nothing is kept apart: every one is used for all.
 *
 * @throws CaFileError
 */
export function createUpstreams(
  config: UpstreamsConfig,
  policy: TierPolicy | undefined,
  notice: Notice,
): Engine {
  const upstreams = upstreamsOf(config)
  const isSilent = policy === undefined && upstreams.every(({ tiers }) => tiers === undefined)
  const unmarked: readonly SecurityTier[] = isSilent ? SECURITY_TIERS : ['standard']
  return new UpstreamPool(
    upstreams.map((upstream) => {
      const marked = upstream.tiers ?? unmarked
      const tiers = marked.filter(
        (tier) => policy?.ruleOf(tier)?.requireUpstreamTls !== true || isPrivateUrl(upstream.url),
      )
      if (tiers.length < marked.length) {
        const lost = marked.filter((tier) => !tiers.includes(tier)).join(', ')
        notice(`upstream ${upstream.name} has no TLS and is not used for ${lost}`)
      }
      return { ...upstream, tiers }
    }),
    config.kind === 'upstreams' ? config.health : {},
  )
}

/** One without a name is called `upstream`. */
export function upstreamsOf(config: UpstreamsConfig): readonly UpstreamConfig[] {
  if (config.kind === 'upstreams') return config.upstreams
  const { baseUrl: url, apiKey, caFile } = config
  return [{ name: 'upstream', url, apiKey, caFile }]
}
