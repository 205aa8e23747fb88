import type { FastifyInstance } from 'fastify'
import type { AccessControl } from '../../access/access-control.js'
import type { CompletionContext } from '../../completion/handle-completion.js'

/** Models change rarely, and callers may ask often. */
const CACHE_MS = 5000

/**
 * Adds `GET /v1/models`: the available models in the shape of OpenAI's API. Only names are given; the
 * members for creation time and owner have fixed values. A request counts like a completion.
 */
export function modelsRoute(
  server: FastifyInstance,
  accessControl: AccessControl,
  { engine, policy }: CompletionContext,
): void {
  let cached: Promise<readonly string[]> | undefined
  const models = (): Promise<readonly string[]> => {
    if (cached !== undefined) return cached
    const answer = engine.models()
    const expire = (): void => {
      setTimeout(() => (cached = undefined), CACHE_MS).unref()
    }
    // Failures are cached too: repeated requests must not burden a failing model server.
    answer.then(expire, expire)
    return (cached = answer)
  }
  server.get('/v1/models', async (request, reply) => {
    const caller = await accessControl.admit(request)
    const data = (await models())
      .filter((id) => policy?.allowsInAnyTier(id) !== false)
      .filter((id) => caller.models?.includes(id) !== false)
      .map((id) => ({ id, object: 'model', created: 0, owned_by: 'gateway' }))
    void reply.header('cache-control', 'no-store')
    return { object: 'list', data }
  })
}
