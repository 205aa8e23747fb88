import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { isMembers, type Members } from '../anthropic/members.js'
import { modelInfo, modelPage } from '../anthropic/models.js'
import { Refusal } from '../openai-error.js'
import type { Upstream } from '../upstream/upstream.js'

/**
 * `GET /v1/models` and `GET /v1/models/{id}`: the gateway's list for the API key, or one of its models; in
 * Anthropic's shape for callers that name a version of its API.
 */
export function modelsRoutes(
  server: FastifyInstance,
  requireToken: onRequestHookHandler,
  upstream: Upstream,
): void {
  const send = (
    { headers }: FastifyRequest,
    reply: FastifyReply,
    openai: string | Uint8Array,
    anthropic: () => Members,
  ): FastifyReply => {
    const isForAnthropic = headers['anthropic-version'] !== undefined
    return reply
      .headers({ 'cache-control': 'no-store', vary: 'anthropic-version' })
      .type('application/json; charset=utf-8')
      .send(isForAnthropic ? JSON.stringify(anthropic()) : openai)
  }
  server.get('/v1/models', { onRequest: requireToken }, async (request, reply) => {
    const body = Buffer.from(await upstream.models(disconnectSignal(reply.raw)))
    return send(request, reply, body, () => modelPage(modelsIn(body)))
  })
  // Names have slashes, which some programs encode.
  server.get('/v1/models/*', { onRequest: requireToken }, async (request, reply) => {
    const { '*': name } = request.params as { '*': string }
    const body = await upstream.models(disconnectSignal(reply.raw))
    const model = modelsIn(body).find(({ id }) => id === name)
    if (model === undefined) throw noSuchModel()
    return send(request, reply, JSON.stringify(model), () => modelInfo(model))
  })
}

/** Returns the models of a list whose form was checked. */
function modelsIn(body: Uint8Array): readonly Members[] {
  const { data } = JSON.parse(new TextDecoder().decode(body)) as { data: readonly unknown[] }
  return data.filter(isMembers)
}

const noSuchModel = (): Refusal =>
  new Refusal(404, 'model_not_found', 'The gateway has no such model for this API key.')
