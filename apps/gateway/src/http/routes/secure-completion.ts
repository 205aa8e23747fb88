import type { FastifyInstance, FastifyRequest } from 'fastify'
import { admit, type AdmittedCaller, type Door } from '../../access/access-control.js'
import { handleCompletion, type CompletionContext } from '../../completion/handle-completion.js'
import { waitingCaller } from '../disconnect-signal.js'

/** `POST /v1/chat/secure_completion`: a sealed request in, a sealed answer out. */
export function secureCompletionRoute(
  server: FastifyInstance,
  door: Door,
  context: CompletionContext,
): void {
  server.decorateRequest('caller', null)
  server.post(
    '/v1/chat/secure_completion',
    {
      // Before the body is read: nobody without a key, or too many, make the gateway buffer anything.
      onRequest: async (request, reply) => {
        const caller = await admit(door, request)
        const full = context.admission.enter(caller.id, request.raw, reply.raw)
        if (full !== undefined) throw full
        request.setDecorator<AdmittedCaller>('caller', caller)
      },
    },
    async (request, reply) => {
      const answer = await handleCompletion(
        {
          body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
          payloadId: header(request, 'x-payload-id'),
          publicKey: header(request, 'x-public-key'),
          securityTier: header(request, 'x-security-tier'),
          caller: request.getDecorator<AdmittedCaller>('caller'),
          waiting: waitingCaller(request.raw, reply.raw),
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

/** Node joins repeated headers with a comma, which no value of ours may contain. */
function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}
