import type { FastifyRequest } from 'fastify'
import { WaitBudget } from '../redis/wait-budget.js'
import type { ApiKeyIndex } from './api-keys/api-key-index.js'
import { authenticate, type Identity } from './api-keys/authenticate.js'
import { clientNetwork } from './rate/client-network.js'
import type { RateLimiter } from './rate/rate-limiter.js'
import { forbidden } from './policy/tier-policy.js'

/** Caller of an accepted request. */
export interface Caller extends Identity {
  /** Same for every request of one API key, or of one client network where no key is required. */
  readonly id: string
  /** Time that this request waits for Redis, over all of its commands. */
  readonly redisWait: WaitBudget
}

/** Authentication and rate limit of the routes that cost something. */
export class AccessControl {
  readonly #currentKeys: () => ApiKeyIndex | undefined
  readonly #rateLimiter: RateLimiter

  /** @param currentKeys - returns the valid API keys, or undefined where no key is required */
  constructor(currentKeys: () => ApiKeyIndex | undefined, rateLimiter: RateLimiter) {
    this.#currentKeys = currentKeys
    this.#rateLimiter = rateLimiter
  }

  /**
   * Identifies the caller of a request and counts the request against its limit.
   *
   * @throws HttpError 401 without a valid key; 429 or 503 above the limit
   */
  async admit({ headers, ip }: FastifyRequest): Promise<Caller> {
    const identity = await authenticate(headers.authorization, this.#currentKeys())
    const { keyName, rateLimit } = identity
    const id = keyName === undefined ? `address ${clientNetwork(ip)}` : `key ${keyName}`
    const redisWait = new WaitBudget()
    await this.#rateLimiter.admit(id, rateLimit, redisWait)
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
  const detail = 'This API key is not for this model or security tier'
  if (models?.includes(model) === false) {
    const message = `This API key is not for the model ${model}.`
    throw forbidden(detail, { message, code: 'model_not_allowed', param: 'model' })
  }
  if (tiers?.includes(tier) === false) {
    const message = `This API key is not for the security tier ${tier}.`
    throw forbidden(detail, { message, code: 'tier_not_allowed', param: null })
  }
}
