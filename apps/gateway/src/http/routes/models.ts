import type { FastifyInstance } from 'fastify'
import type { AccessControl } from '../../access/access-control.js'
import type { ServiceContext } from '../../completion/answer-completion.js'
import type { Engine } from '../../upstreams/engine.js'

/** Models change rarely, and callers may ask often. */
const CACHE_MS = 5000

/**
 * Adds `GET /v1/models`: the available models in the shape of OpenAI's API. Only names are given; the
 * members for creation time and owner have fixed values. A request counts like a completion.
 */
export function modelsRoute(
  server: FastifyInstance,
  accessControl: AccessControl,
  { current }: Pick<ServiceContext, 'current'>,
): void {
  // By engine: after a reload, another one answers.
  const cached = new WeakMap<Engine, Promise<readonly string[]>>()
  const modelsOf = (engine: Engine): Promise<readonly string[]> => {
    const known = cached.get(engine)
    if (known !== undefined) return known
    const answer = engine.models()
    const expire = (): void => {
      setTimeout(() => cached.delete(engine), CACHE_MS).unref()
    }
    // Failures are cached too: repeated requests must not burden a failing model server.
    answer.then(expire, expire)
    cached.set(engine, answer)
    return answer
  }
  server.get('/v1/models', async (request, reply) => {
    const caller = await accessControl.admit({
      authorization: request.headers.authorization,
      ip: request.ip,
    })
    const { engine, policy } = current()
    const data = (await modelsOf(engine))
      .filter((id) => policy?.allowsInAnyTier(id) !== false)
      .filter((id) => caller.models?.includes(id) !== false)
      .map((id) => ({ id, object: 'model', created: 0, owned_by: 'gateway' }))
    void reply.header('cache-control', 'no-store')
    return { object: 'list', data }
  })
}
