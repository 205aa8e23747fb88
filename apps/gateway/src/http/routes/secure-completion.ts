import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AccessControl, Caller } from '../../access/access-control.js'
import { handleCompletion, type CompletionContext } from '../../completion/handle-completion.js'

/** Adds `POST /v1/chat/secure_completion`, which answers encrypted requests. */
export function secureCompletionRoute(
  server: FastifyInstance,
  accessControl: AccessControl,
  context: CompletionContext,
): void {
  server.decorateRequest('caller', null)
  server.post(
    '/v1/chat/secure_completion',
    {
      // Before the body is read: a request that is refused occupies no buffer.
      onRequest: async (request, reply) => {
        const caller = await accessControl.admit(request)
        context.loadShedder.enter(caller.id, reply.raw)
        request.setDecorator<Caller>('caller', caller)
      },
    },
    async (request, reply) => {
      const answer = await handleCompletion(
        {
          body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
          payloadId: header(request, 'x-payload-id'),
          publicKey: header(request, 'x-public-key'),
          securityTier: header(request, 'x-security-tier'),
          caller: request.getDecorator<Caller>('caller'),
          signal: disconnectSignal(reply.raw),
        },
        context,
      )
      return reply
        .header('cache-control', 'no-store')
        .type('application/octet-stream')
        .send(Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength))
    },
  )
}

/** Returns a header; Node joins repeated ones with a comma, which no valid value contains. */
function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}
