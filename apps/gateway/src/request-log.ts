import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { isPayloadId } from './handle-completion.js'

/** One line for each request. What callers made up is in it only where its form was checked. */
export function logRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
  server.addHook('onResponse', (request, reply, done) => {
    const payloadId = request.headers['x-payload-id']
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
        // Behind a trusted proxy it is what that says.
        ...(isIP(request.ip) === 0 ? {} : { address: request.ip }),
        ...(typeof payloadId === 'string' && isPayloadId(payloadId) ? { payloadId } : {}),
      },
      'request',
    )
    done()
  })
}
