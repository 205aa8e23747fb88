import type { FastifyInstance } from 'fastify'
import type { AccessControl } from '../../access/access-control.js'
import type { ServiceContext } from '../../completion/service-context.js'

/** Adds `GET /v1/models`: the models that the caller may use. A request counts like a completion. */
export function modelsRoute(
  server: FastifyInstance,
  accessControl: AccessControl,
  { current, listedModels }: Pick<ServiceContext, 'current' | 'listedModels'>,
): void {
  server.get('/v1/models', async (request, reply) => {
    const caller = await accessControl.admit({
      authorization: request.headers.authorization,
      ip: request.ip,
    })
    const data = await listedModels.of(caller, current())
    void reply.header('cache-control', 'no-store')
    return { object: 'list', data }
  })
}
