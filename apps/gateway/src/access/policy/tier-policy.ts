import { createHash } from 'node:crypto'
import { ConfidentialRefusal, errorObject } from '../../confidential-refusal.js'
import { matchesModel } from './model-pattern.js'

/** Levels of protection that a caller may request, in ascending order. */
export const SECURITY_TIERS = ['standard', 'high', 'maximum'] as const

export type SecurityTier = (typeof SECURITY_TIERS)[number]

/** Requirements of one tier. */
export interface TierRule {
  /** Models of this tier, `*` standing for any text. Default: all. */
  readonly models?: readonly string[] | undefined
  /** Requires a quote for every answer. */
  readonly requireAttestation?: boolean | undefined
  /** Requires upstreams to have TLS or to be on this machine. */
  readonly requireUpstreamTls?: boolean | undefined
}

/** Rules of the security tiers. */
export interface PolicyConfig {
  /** A tier without a rule is refused. */
  readonly tiers: Readonly<Partial<Record<SecurityTier, TierRule | undefined>>>
  /** Sent to callers. Default: a short hash of the rules. */
  readonly version?: string | undefined
}

const VERSION_LENGTH = 12
/** Fixed text of every refusal by the policy. */
export const NOT_FOR_TIER = 'Model not allowed for the requested security tier'

/** Decides which requests each security tier permits. */
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
    throw notAllowed(model, tier)
  }

  ruleOf(tier: SecurityTier): TierRule | undefined {
    return this.#tiers[tier]
  }

  /** Checks whether at least one tier permits a model. */
  allowsInAnyTier(model: string): boolean {
    const rules = SECURITY_TIERS.map((tier) => this.ruleOf(tier))
    return rules.some((rule) => rule !== undefined && allows(rule, model))
  }
}

/** Creates the one refusal for everything that a tier does not permit. */
export const notAllowed = (model: string, tier: SecurityTier): ConfidentialRefusal =>
  forbidden(NOT_FOR_TIER, {
    message: `The model ${model} is not available in the security tier ${tier}.`,
    code: 'model_not_allowed',
    param: 'model',
  })

/** Creates the refusal of a request that its caller may not make. */
export const forbidden = (
  detail: string,
  inner: { message: string; code: string; param: string | null },
): ConfidentialRefusal =>
  new ConfidentialRefusal(403, detail, errorObject(403, { ...inner, type: 'permission_error' }))

/** Checks that a tier permits a model. */
export const allows = ({ models }: TierRule, model: string): boolean =>
  models === undefined || matchesModel(models, model)

/** Hashes rules so that equal rules have equal hashes, whatever their notation. */
function hashOf(tiers: PolicyConfig['tiers']): string {
  const rules = SECURITY_TIERS.map((tier) => {
    const rule = tiers[tier]
    if (rule === undefined) return null
    const models = rule.models === undefined ? null : [...new Set(rule.models)].sort()
    return [models, rule.requireAttestation === true, rule.requireUpstreamTls === true]
  })
  return createHash('sha256').update(JSON.stringify(rules)).digest('hex').slice(0, VERSION_LENGTH)
}
