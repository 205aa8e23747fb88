import type { FastifyRequest } from 'fastify'
import { HttpError } from '../http-error.js'
import type { ApiKey } from './api-key.js'
import { authenticate, type Identity } from './authenticate.js'
import { clientNetwork } from './client-network.js'
import type { RateLimiter } from './rate-limiter.js'

/** Caller of an accepted request. */
export interface Caller extends Identity {
  /** Same for every request of one API key, or of one client network where no key is required. */
  readonly id: string
}

/** Authentication and rate limit of the routes that cost something. */
export class AccessControl {
  readonly #currentKeys: () => readonly ApiKey[] | undefined
  readonly #rateLimiter: RateLimiter

  /** @param currentKeys - returns the valid API keys, or undefined where no key is required */
  constructor(currentKeys: () => readonly ApiKey[] | undefined, rateLimiter: RateLimiter) {
    this.#currentKeys = currentKeys
    this.#rateLimiter = rateLimiter
  }

  /**
   * Identifies the caller of a request and counts the request against its limit.
   *
   * @throws HttpError 401 without a valid key; 429 or 503 above the limit
   */
  async admit({ headers, ip }: FastifyRequest): Promise<Caller> {
    const identity = authenticate(headers.authorization, this.#currentKeys())
    const { keyName, rateLimit } = identity
    const id = keyName === undefined ? `address ${clientNetwork(ip)}` : `key ${keyName}`
    await this.#rateLimiter.admit(id, rateLimit)
    return { ...identity, id }
  }
}

/**
 * Restricts a caller to the models and tiers of its API key. Both refusals have the same text: refusals
 * are sent in plaintext, and the model was encrypted.
 *
 * @throws HttpError 403
 */
export function authorize({ models, tiers }: Identity, model: string, tier: string): void {
  const allowed = (models?.includes(model) ?? true) && (tiers?.includes(tier) ?? true)
  if (!allowed) throw new HttpError(403, 'This API key is not for this model or security tier')
}
