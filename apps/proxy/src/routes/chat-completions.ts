import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import type { Upstream } from '../upstream/upstream.js'

const PATH = '/v1/chat/completions'

/** `POST /v1/chat/completions`: takes OpenAI's request, and encrypts it to the gateway. */
export function chatCompletionsRoute(
  server: FastifyInstance,
  onRequest: readonly onRequestHookHandler[],
  upstream: Upstream,
): void {
  server.post(PATH, { onRequest: [...onRequest] }, async (request, reply) => {
    const tier = request.headers['x-security-tier']
    return upstream.fetch(`http://localhost${PATH}`, {
      method: 'POST',
      // No other header: the caller's token is for this proxy only.
      headers: typeof tier === 'string' ? { 'x-security-tier': tier } : {},
      body: request.body instanceof Uint8Array ? new Uint8Array(request.body) : null,
      signal: disconnectSignal(reply.raw),
    })
  })
}
