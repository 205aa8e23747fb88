import type { GatewayConfig } from '../../config/config.js'
import type { Logger } from '../../observability/log.js'
import { SECURITY_TIERS, type TierPolicy } from './tier-policy.js'

/** Reports a policy that comes into effect, and the tiers that it makes impossible. */
export function reportPolicy(policy: TierPolicy, { tpm }: GatewayConfig, logger: Logger): void {
  logger.info(`tier policy ${policy.version}`)
  const unmet = SECURITY_TIERS.filter((tier) => policy.ruleOf(tier)?.requireAttestation === true)
  if (unmet.length === 0 || tpm !== undefined) return
  logger.warn(
    `no --tpm: the policy requires attestation and refuses all ${unmet.join(', ')} requests`,
  )
}
