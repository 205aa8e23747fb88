import { fastifyCors } from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

/** How long browsers may remember a preflight; they cap it at about this themselves. */
const PREFLIGHT_MAX_AGE_S = 2 * 60 * 60

/**
 * Lets web pages of these origins read what the gateway answers; `*` is every origin. With none
 * there is no CORS header at all, so browsers keep the gateway to pages of its own origin.
 *
 * Comes before every hook that may refuse a request: pages must be able to read refusals too.
 */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return
  void server.register(fastifyCors, {
    origin: [...origins],
    methods: ['GET', 'POST'],
    // Headers asked for are granted as asked: a client may send default headers of any name, and the
    // gateway reads none but its own. Keys are bearer tokens, so there are no cookies to allow.
    exposedHeaders: ['etag', 'retry-after', 'x-request-id'],
    maxAge: PREFLIGHT_MAX_AGE_S,
    // Refusals would not have the shape all others have.
    strictPreflight: false,
  })
}
