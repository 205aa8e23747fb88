import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import type { Upstream } from '../upstream/upstream.js'

/** `GET /v1/models`: returns the gateway's list for the API key. Not encrypted to the gateway's key. */
export function modelsRoute(
  server: FastifyInstance,
  requireToken: onRequestHookHandler,
  upstream: Upstream,
): void {
  server.get('/v1/models', { onRequest: requireToken }, async (_request, reply) => {
    const body = await upstream.models(disconnectSignal(reply.raw))
    return reply
      .header('cache-control', 'no-store')
      .type('application/json; charset=utf-8')
      .send(Buffer.from(body))
  })
}
