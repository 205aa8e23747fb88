import { fastifyRateLimit } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { HttpError } from '../http-error.js'

/** Per address, or per /64 of IPv6. Clients ask when they start, and rarely later. */
const REQUESTS_PER_MINUTE = 60
/** Number of addresses counted; the least recently active one is dropped first. */
const MAX_ADDRESSES = 5000
/** Requests in progress: completions wait for the same key or TPM. */
const MAX_WAITING = 4
const RETRY_AFTER_S = 2

/** Does the costly part of a request, unless too many are in progress: then it throws HttpError 503. */
type Bounded = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Adds routes that require no API key, and each request of which occupies a key or a TPM: limits requests by
 * address, and those in progress.
 *
 * @param resource - names what is occupied, for the refusals
 */
export function costlyRoutes(
  server: FastifyInstance,
  resource: string,
  add: (scope: FastifyInstance, bounded: Bounded) => void,
): void {
  let waiting = 0
  const bounded: Bounded = async (work) => {
    if (waiting >= MAX_WAITING) {
      throw new HttpError(503, `Too many requests are waiting for ${resource}`, RETRY_AFTER_S)
    }
    waiting++
    try {
      return await work()
    } finally {
      waiting--
    }
  }
  void server.register(async (scope) => {
    await scope.register(fastifyRateLimit, {
      max: REQUESTS_PER_MINUTE,
      timeWindow: 60_000,
      cache: MAX_ADDRESSES,
      errorResponseBuilder: () => new HttpError(429, `Too many requests for ${resource}`),
    })
    add(scope, bounded)
  })
}
