import type { FastifyInstance } from 'fastify'
import { admit, type Door } from '../../access/access-control.js'
import type { CompletionContext } from '../../completion/handle-completion.js'

/** Models change rarely, and callers may ask often. */
const CACHE_MS = 5000

/**
 * `GET /v1/models`: what can be asked for, in OpenAI's shape. Names only: when a model was made and
 * by whom is of the model servers, and the members that say so hold nothing. Counts like a completion.
 */
export function modelsRoute(
  server: FastifyInstance,
  door: Door,
  { engine, policy }: CompletionContext,
): void {
  let cached: Promise<readonly string[]> | undefined
  const models = (): Promise<readonly string[]> => {
    if (cached !== undefined) return cached
    const asked = engine.models()
    const forgetLater = (): void => {
      setTimeout(() => (cached = undefined), CACHE_MS).unref()
    }
    // Failures are kept too: callers who insist are no load for model servers in trouble.
    asked.then(forgetLater, forgetLater)
    return (cached = asked)
  }
  server.get('/v1/models', async (request, reply) => {
    const caller = await admit(door, request)
    const data = (await models())
      .filter((id) => policy?.allowsSomewhere(id) !== false)
      .filter((id) => caller.models?.includes(id) !== false)
      .map((id) => ({ id, object: 'model', created: 0, owned_by: 'gateway' }))
    void reply.header('cache-control', 'no-store')
    return { object: 'list', data }
  })
}
