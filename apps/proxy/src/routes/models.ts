import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import { Refusal } from '../openai-error.js'
import type { Upstream } from '../upstream/upstream.js'

/** One model, as the gateway lists it. */
type Model = Readonly<Record<string, unknown>>

/** `GET /v1/models` and `GET /v1/models/{id}`: the gateway's list for the API key, or one of its models. */
export function modelsRoutes(
  server: FastifyInstance,
  requireToken: onRequestHookHandler,
  upstream: Upstream,
): void {
  const list = async (signal: AbortSignal): Promise<Uint8Array> => upstream.models(signal)
  server.get('/v1/models', { onRequest: requireToken }, async (_request, reply) => {
    const body = await list(disconnectSignal(reply.raw))
    return reply.headers(HEADERS).send(Buffer.from(body))
  })
  // Names have slashes, which some programs encode.
  server.get('/v1/models/*', { onRequest: requireToken }, async (request, reply) => {
    const { '*': name } = request.params as { '*': string }
    const body = await list(disconnectSignal(reply.raw))
    const { data } = JSON.parse(new TextDecoder().decode(body)) as {
      data: readonly (Model | null)[]
    }
    const model = data.find((candidate) => candidate?.['id'] === name)
    if (model === undefined || model === null) throw noSuchModel()
    return reply.headers(HEADERS).send(JSON.stringify(model))
  })
}

const HEADERS = {
  'cache-control': 'no-store',
  'content-type': 'application/json; charset=utf-8',
} as const

const noSuchModel = (): Refusal =>
  new Refusal(404, 'model_not_found', 'The gateway has no such model for this API key.')
