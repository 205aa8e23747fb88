import { fastifyCors } from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

/** Lifetime of a preflight; browsers cap it at about this value. */
const PREFLIGHT_MAX_AGE_S = 2 * 60 * 60

/**
 * Allows web pages of these origins to read answers; `*` allows every origin. Without origins there are
 * no CORS headers, and browsers restrict the gateway to pages of its own origin.
 *
 * Must come before every hook that may refuse a request: pages must be able to read refusals.
 */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return
  void server.register(fastifyCors, {
    origin: [...origins],
    methods: ['GET', 'POST'],
    // Requested headers are granted: a client may send default headers of any name, and the gateway
    // ignores unknown ones. Keys are bearer tokens, so there are no cookies to allow.
    exposedHeaders: ['etag', 'retry-after', 'x-request-id'],
    maxAge: PREFLIGHT_MAX_AGE_S,
    // The plugin's own refusals have another shape.
    strictPreflight: false,
  })
}
