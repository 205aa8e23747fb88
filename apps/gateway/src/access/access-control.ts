import type { FastifyRequest } from 'fastify'
import type { Authenticate, Identity } from './authenticate.js'
import { clientNetwork } from './client-network.js'
import type { RateLimiter } from './rate-limiter.js'

/** Caller of an accepted request. */
export interface Caller extends Identity {
  /** Same for every request of one API key, or of one client network where no key is required. */
  readonly id: string
}

/** Authentication and rate limit of the routes that cost something. */
export class AccessControl {
  readonly #authenticate: Authenticate
  readonly #rateLimiter: RateLimiter

  constructor(authenticate: Authenticate, rateLimiter: RateLimiter) {
    this.#authenticate = authenticate
    this.#rateLimiter = rateLimiter
  }

  /**
   * Identifies the caller of a request and counts the request against its limit.
   *
   * @throws HttpError 401 without a valid key; 429 or 503 above the limit
   */
  async admit({ headers, ip }: FastifyRequest): Promise<Caller> {
    const identity = this.#authenticate(headers.authorization)
    const { keyName, rateLimit } = identity
    const id = keyName === undefined ? `address ${clientNetwork(ip)}` : `key ${keyName}`
    await this.#rateLimiter.admit(id, rateLimit)
    return { ...identity, id }
  }
}
