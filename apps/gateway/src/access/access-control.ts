import type { FastifyRequest } from 'fastify'
import type { Authenticate, Caller } from './authenticate.js'
import { HttpError } from '../http-error.js'
import { networkOf } from './client-network.js'
import type { RateLimiter } from './rate-limiter.js'

/** Who decides whether a request is let in. */
export interface Door {
  readonly authenticate: Authenticate
  readonly rateLimiter: RateLimiter
}

/** Somebody who was let in. */
export interface AdmittedCaller extends Caller {
  /** The same for every request of one key, or of one address where no keys are needed. */
  readonly id: string
}

/**
 * Lets in who has a key, or anybody where none is needed, as often as the limit allows.
 *
 * @throws HttpError 401; 429 or 503 when it is one too many
 */
export async function admit(
  { authenticate, rateLimiter }: Door,
  request: FastifyRequest,
): Promise<AdmittedCaller> {
  const caller = authenticate(request.headers.authorization)
  if (caller instanceof HttpError) throw caller
  const { keyName, rateLimit } = caller
  const id = keyName === undefined ? `address ${networkOf(request.ip)}` : `key ${keyName}`
  await rateLimiter.admit(id, rateLimit)
  return { ...caller, id }
}
