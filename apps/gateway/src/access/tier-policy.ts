import { createHash } from 'node:crypto'
import { HttpError } from '../http-error.js'
import { matchesModel } from './model-pattern.js'
import { SECURITY_TIERS, type SecurityTier } from './security-tier.js'

/** What holds for requests of one tier. */
export interface TierRule {
  /** Models it may be used with, `*` standing for any text. Default: all. */
  readonly models?: readonly string[] | undefined
  /** No answer without a quote. */
  readonly requireAttestation?: boolean | undefined
  /** Upstreams are reached by TLS, or on this machine. */
  readonly requireUpstreamTls?: boolean | undefined
}

/** What the tiers mean here. */
export interface PolicyConfig {
  /** A tier without a rule is not offered. */
  readonly tiers: Readonly<Partial<Record<SecurityTier, TierRule | undefined>>>
  /** Told to callers. Default: a short hash of the rules. */
  readonly version?: string | undefined
}

const VERSION_LENGTH = 12

/** Decides what a request may do, by the tier it asks for. */
export class TierPolicy {
  readonly version: string
  readonly #tiers: PolicyConfig['tiers']

  constructor({ tiers, version }: PolicyConfig) {
    this.#tiers = tiers
    this.version = version ?? hashOf(tiers)
  }

  /** @throws HttpError 403 */
  authorize(model: string, tier: SecurityTier): TierRule {
    const rule = this.ruleOf(tier)
    if (rule !== undefined && allows(rule, model)) return rule
    throw notAllowed()
  }

  ruleOf(tier: SecurityTier): TierRule | undefined {
    return this.#tiers[tier]
  }

  /** Whether there is a tier the model may be used with. */
  allowsSomewhere(model: string): boolean {
    const rules = SECURITY_TIERS.map((tier) => this.ruleOf(tier))
    return rules.some((rule) => rule !== undefined && allows(rule, model))
  }
}

/** The one refusal for whatever a tier does not allow. */
export const notAllowed = (): HttpError =>
  new HttpError(403, 'Model not allowed for the requested security tier')

const allows = ({ models }: TierRule, model: string): boolean =>
  models === undefined || matchesModel(models, model)

/** The same for the same rules, however they are written down. */
function hashOf(tiers: PolicyConfig['tiers']): string {
  const rules = SECURITY_TIERS.map((tier) => {
    const rule = tiers[tier]
    if (rule === undefined) return null
    const models = rule.models === undefined ? null : [...new Set(rule.models)].sort()
    return [models, rule.requireAttestation === true, rule.requireUpstreamTls === true]
  })
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, VERSION_LENGTH)
}
