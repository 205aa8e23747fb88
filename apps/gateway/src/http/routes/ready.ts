import type { FastifyInstance } from 'fastify'
import { errorBody } from '../../http-error.js'

/** Why a gateway should get no requests now; undefined when it should. */
export type Unready = () => 'starting' | 'draining' | 'no evidence' | undefined

/** `GET /ready`: whether to send requests here. For load balancers, which look now and then. */
export function readyRoute(server: FastifyInstance, unready: Unready): void {
  server.get('/ready', (_request, reply) => {
    const reason = unready()
    void reply.header('cache-control', 'no-store')
    return reason === undefined ? { status: 'ready' } : reply.code(503).send(errorBody(reason))
  })
}
