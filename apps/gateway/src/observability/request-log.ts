import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { isPayloadId } from '../completion/handle-completion.js'
import { whenOver } from '../http/on-response-closed.js'

/** One line for each request. What callers made up is in it only where its form was checked. */
export function logRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    const { raw } = reply
    const startedAt = performance.now()
    // There is none later, when the connection has ended.
    const address = request.ip
    // Not `onResponse`, which never comes for a caller that has gone.
    whenOver(request.raw, raw, () => {
      const payloadId = request.headers['x-payload-id']
      request.log.info(
        {
          method: request.method,
          route: request.routeOptions.url ?? null,
          // Nobody has seen one when the caller has gone.
          status: raw.writableFinished ? raw.statusCode : null,
          durationMs: Math.round(performance.now() - startedAt),
          // Behind a trusted proxy it is what that says.
          ...(isIP(address) === 0 ? {} : { address }),
          ...(typeof payloadId === 'string' && isPayloadId(payloadId) ? { payloadId } : {}),
        },
        'request',
      )
    })
    done()
  })
}
