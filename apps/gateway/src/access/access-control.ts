import { WaitBudget } from '../redis/wait-budget.js'
import type { ApiKeyIndex } from './api-keys/api-key-index.js'
import { authenticate, type Identity } from './api-keys/authenticate.js'
import { clientNetwork } from './rate/client-network.js'
import type { RateLimiter } from './rate/rate-limiter.js'
import {
  NOT_FOR_TIER,
  forbidden,
  type SecurityTier,
  type TierPolicy,
} from './policy/tier-policy.js'

/** Caller of an accepted request. */
export interface Caller extends Identity {
  /** Same for every request of one API key, or of one client network where no key is required. */
  readonly id: string
  /** Time that this request waits for Redis, over all of its commands. */
  readonly redisWait: WaitBudget
}

/** Facts that identify a caller. */
export interface Credentials {
  /** Value of `Authorization`. */
  readonly authorization: string | undefined
  readonly ip: string | undefined
  /** The address is that of a relay, which limits its clients itself. Default false. */
  readonly isRelayed?: boolean | undefined
}

/** Returns the id of a caller that only its address identifies. */
export const addressId = (ip: string | undefined): string => `address ${clientNetwork(ip)}`

/** Authentication and rate limit of the routes that cost something. */
export class AccessControl {
  readonly #currentKeys: () => ApiKeyIndex | undefined
  readonly #rateLimiter: RateLimiter

  /** @param currentKeys - returns the valid API keys, or undefined where no key is required */
  constructor(currentKeys: () => ApiKeyIndex | undefined, rateLimiter: RateLimiter) {
    this.#currentKeys = currentKeys
    this.#rateLimiter = rateLimiter
  }

  /** True where callers are identified by an API key, and by their address otherwise. */
  get requiresKey(): boolean {
    return this.#currentKeys() !== undefined
  }

  /**
   * Identifies the caller of a request and counts the request against its limit.
   *
   * @throws HttpError 401 without a valid key; 429 or 503 above the limit
   */
  async admit({ authorization, ip, isRelayed = false }: Credentials): Promise<Caller> {
    const identity = await authenticate(authorization, this.#currentKeys())
    const { keyName, rateLimit } = identity
    const id = keyName === undefined ? addressId(ip) : `key ${keyName}`
    const redisWait = new WaitBudget()
    if (keyName !== undefined || !isRelayed) {
      await this.#rateLimiter.admit(id, rateLimit, redisWait)
    }
    return { ...identity, id, redisWait }
  }
}

/**
 * Restricts a caller to the models and tiers of its API key. Both refusals have the same text
 * outside: the model was encrypted.
 *
 * @throws ConfidentialRefusal 403
 */
export function authorize({ models, tiers }: Identity, model: string, tier: string): void {
  if (models?.includes(model) === false) {
    const message = `This API key does not permit the model ${model}.`
    throw forbidden(NOT_FOR_KEY, { message, code: 'model_not_allowed', param: 'model' })
  }
  if (tiers?.includes(tier) === false) throw tierNotForKey(tier)
}

/**
 * Refuses a tier that its caller can use with no model, before the request is read.
 *
 * @throws ConfidentialRefusal 403
 */
export function authorizeTier(
  { tiers }: Identity,
  tier: SecurityTier,
  policy: TierPolicy | undefined,
): void {
  if (tiers?.includes(tier) === false) throw tierNotForKey(tier)
  if (policy === undefined || policy.ruleOf(tier) !== undefined) return
  const message = `No model is available in the security tier ${tier}.`
  throw forbidden(NOT_FOR_TIER, { message, code: 'tier_not_allowed', param: null })
}

const NOT_FOR_KEY = 'This API key does not permit this model or security tier'

const tierNotForKey = (tier: string): Error =>
  forbidden(NOT_FOR_KEY, {
    message: `This API key does not permit the security tier ${tier}.`,
    code: 'tier_not_allowed',
    param: null,
  })
