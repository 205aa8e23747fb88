import type { FastifyInstance } from 'fastify'
import { errorBody } from '../../http-error.js'

/** Reason why a gateway must not receive requests now; undefined when it may. */
export type Unready = () => 'starting' | 'draining' | 'no evidence' | undefined

/**
 * Adds the routes that monitoring polls: `GET /health` says that the process answers, whatever the state
 * of the model server; `GET /ready` tells load balancers whether to send requests.
 */
export function healthRoutes(server: FastifyInstance, unready: Unready): void {
  server.get('/health', () => ({ status: 'ok' }))
  server.get('/ready', (_request, reply) => {
    const reason = unready()
    void reply.header('cache-control', 'no-store')
    return reason === undefined ? { status: 'ready' } : reply.code(503).send(errorBody(reason))
  })
}
