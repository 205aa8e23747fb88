import type { FastifyInstance } from 'fastify'
import type { Log } from './log.js'
import { whenOver } from './when-over.js'

/** One line for each request, with nothing in it that a caller made up. */
export function logRequests(server: FastifyInstance, log: Log): void {
  server.addHook('onRequest', (request, { raw }, done) => {
    const startedAt = performance.now()
    // Not `onResponse`, which never comes for a caller that has gone.
    whenOver(request.raw, raw, () => {
      const payloadId = raw.getHeader('x-request-id')
      log.info(
        [
          request.method,
          request.routeOptions.url ?? '(no route)',
          // Nobody has seen a status when the caller has gone.
          raw.writableFinished ? String(raw.statusCode) : 'gone',
          `${String(Math.round(performance.now() - startedAt))}ms`,
          ...(typeof payloadId === 'string' ? [`payload=${payloadId}`] : []),
        ].join(' '),
      )
    })
    done()
  })
}
