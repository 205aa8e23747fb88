import type { Readable } from 'node:stream'
import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AccessControl, Caller } from '../../access/access-control.js'
import { handleCompletion, type CompletionContext } from '../../completion/handle-completion.js'
import type { Admission } from '../../completion/load/load-shedder.js'
import { readBody, sizeOfBody } from '../../completion/read-body.js'
import { isPayloadId } from '../../completion/request-fields.js'
import { HttpError } from '../../http-error.js'
import { freeBytes } from '../../json/free-bytes.js'
import { JsonBytes } from '../../json/json-bytes.js'
import { CompletionObservation } from '../../observability/completion-record.js'

const PATH = '/v1/chat/secure_completion'
/** Name of the protocol that a 426 must state (RFC 9110, 15.5.22). */
const WIRE_2 = 'nomyo-wire2/1'

/**
 * Adds `POST /v1/chat/secure_completion`, which answers encrypted requests of wire 1.
 *
 * @param options - `isRefused`: the gateway serves wire 2 only
 */
export function secureCompletionRoute(
  server: FastifyInstance,
  accessControl: AccessControl,
  context: CompletionContext,
  { isRefused }: { readonly isRefused: boolean },
): void {
  server.decorateRequest('caller', null)
  server.decorateRequest('admission', null)
  server.post(
    PATH,
    {
      // Before the body is read: a request that is refused occupies no buffer.
      onRequest: async (request, reply) => {
        const payloadId = header(request, 'x-payload-id')
        const observation = new CompletionObservation(
          {
            requestId: request.id,
            payloadId: isPayloadId(payloadId) ? payloadId : undefined,
            wire: 1,
          },
          context.observers,
        )
        request.setDecorator('observation', observation)
        if (isRefused) {
          void reply.header('upgrade', WIRE_2).header('connection', 'upgrade')
          throw new HttpError(426, 'This gateway serves wire 2 only: update the client')
        }
        const caller = await accessControl.admit({
          authorization: request.headers.authorization,
          ip: request.ip,
        })
        observation.keyName = caller.keyName
        observation.admitted = true
        const size = sizeOfBody(request.raw, context.maxBodyBytes)
        request.setDecorator('admission', context.loadShedder.enter(1, caller.id, reply.raw, size))
        // A request that found no place costs nothing.
        await context.quotaGuard.admit(caller, caller.redisWait)
        request.setDecorator<Caller>('caller', caller)
      },
    },
    async (request, reply) => {
      const observation = request.getDecorator<CompletionObservation>('observation')
      // Admitted requests only: no stranger can fill the store of traces.
      const trace = context.tracer.start({
        headers: request.headers,
        route: PATH,
        clock: observation,
      })
      observation.subscribe(trace)
      const admission = request.getDecorator<Admission>('admission')
      const answerRequest = async (): Promise<Uint8Array> => {
        const size = sizeOfBody(request.raw, context.maxBodyBytes)
        const encrypted = {
          takeBody: takeOnce(await readBody(request.raw, size)),
          admission,
          payloadId: header(request, 'x-payload-id'),
          publicKey: header(request, 'x-public-key'),
          securityTier: header(request, 'x-security-tier'),
          caller: request.getDecorator<Caller>('caller'),
          signal: disconnectSignal(reply.raw),
          observation,
          trace,
        }
        return handleCompletion(encrypted, context)
      }
      const answer = await observation.during(() => admission.during(answerRequest))
      return reply
        .header('cache-control', 'no-store')
        .header('content-length', answer.length)
        .type('application/octet-stream')
        .send(bodyOf(answer))
    },
  )
}

/** Creates the body of a response: a large one in parts, so that it is copied and encrypted in turns. */
function bodyOf(envelope: Uint8Array): Buffer | Readable {
  const body = new JsonBytes([envelope], envelope).toBody()
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.length)
  return body.once('close', () => {
    freeBytes(envelope)
  })
}

/** Keeps bytes until they are taken. */
function takeOnce(bytes: Uint8Array): () => Uint8Array {
  let kept = bytes
  return () => {
    const taken = kept
    kept = new Uint8Array()
    return taken
  }
}

/** Returns a header; Node joins repeated ones with a comma, which no valid value contains. */
function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}
