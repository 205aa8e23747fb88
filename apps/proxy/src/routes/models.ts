import type { FastifyInstance } from 'fastify'
import type { CheckToken } from '../access/token.js'
import type { Upstream } from '../upstream.js'
import { hangUpSignal } from './hang-up-signal.js'

/** `GET /v1/models`: the gateway's own list, as it gives it to the API key. Not sealed. */
export function modelsRoute(
  server: FastifyInstance,
  checkToken: CheckToken,
  upstream: Upstream,
): void {
  server.get(
    '/v1/models',
    {
      onRequest: (request, _reply, done) => {
        done(checkToken(request.headers.authorization))
      },
    },
    async (_request, reply) => {
      const signal = hangUpSignal(reply)
      try {
        const body = await upstream.models(signal)
        return await reply
          .header('cache-control', 'no-store')
          .type('application/json; charset=utf-8')
          .send(Buffer.from(body))
      } catch (error) {
        if (!signal.aborted) throw error
        return reply.hijack()
      }
    },
  )
}
