import { disconnectSignal } from '@nomyo-internal/http-server'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { KnownRelays } from '../../access/known-relays.js'
import { addressId, type Caller } from '../../access/access-control.js'
import type { Admission, UnidentifiedAdmission } from '../../completion/load/load-shedder.js'
import { sizeOfBody } from '../../completion/read-body.js'
import { HttpError } from '../../http-error.js'
import { CompletionObservation } from '../../observability/completion-record.js'
import { BodyParts } from '../../wire-2/request/body-parts.js'
import type { ExchangeContext } from '../../wire-2/exchange-context.js'
import { handleExchange } from '../../wire-2/handle-exchange.js'

/** Headers of every answer: it must reach the client as it comes, and as it is. */
const ANSWER_HEADERS = {
  'content-type': MEDIA_TYPES.answer,
  'cache-control': 'no-store, no-transform',
  incremental: '?1',
  'x-accel-buffering': 'no',
}

/** Adds `POST /.well-known/ohttp-gateway`, which answers requests of wire 2. */
export function sealedExchangeRoute(
  server: FastifyInstance,
  context: ExchangeContext,
  knownRelays: KnownRelays,
): void {
  /** Owner of a request before its caller is known. Clients of a relay share nothing but its address. */
  const sourceOf = ({ ip, id }: FastifyRequest): string =>
    knownRelays.has(ip) ? `relayed ${id}` : addressId(ip)
  void server.register((scope, _options, registered) => {
    scope.removeAllContentTypeParsers()
    // The route checks the type and reads the body itself, in its order.
    scope.addContentTypeParser('*', (_request, _body, done) => {
      done(null)
    })
    scope.post(
      GATEWAY_PATH,
      {
        // Before the body is read: a request that is refused occupies no buffer.
        onRequest: async (request, reply) => {
          const observation = new CompletionObservation(
            { requestId: request.id, payloadId: undefined, wire: 2 },
            context.observers,
          )
          request.setDecorator('observation', observation)
          const { accessControl, loadShedder, maxBodyBytes } = context
          if (accessControl.requiresKey) {
            const admission = loadShedder.enterUnidentified(sourceOf(request), reply.raw)
            request.setDecorator('admission', admission)
          } else {
            const isRelayed = knownRelays.has(request.ip)
            const { ip } = request
            const caller = await accessControl.admit({ authorization: undefined, ip, isRelayed })
            const owner = isRelayed ? sourceOf(request) : caller.id
            const size = sizeOfBody(request.raw, maxBodyBytes)
            request.setDecorator('admission', loadShedder.enter(2, owner, reply.raw, size))
            request.setDecorator<Caller>('caller', caller)
          }
          if (!isSealedRequest(request.headers['content-type'])) {
            throw new HttpError(415, `Content-Type must be ${MEDIA_TYPES.request}`)
          }
          sizeOfBody(request.raw, maxBodyBytes)
        },
      },
      async (request, reply) => {
        const observation = request.getDecorator<CompletionObservation>('observation')
        const admission = request.getDecorator<Admission | UnidentifiedAdmission>('admission')
        const parts = new BodyParts(request.raw)
        const exchange = {
          parts,
          size: sizeOfBody(request.raw, context.maxBodyBytes),
          admission,
          evicted: 'evicted' in admission ? admission.evicted : undefined,
          caller: request.getDecorator<Caller | null>('caller') ?? undefined,
          source: sourceOf(request),
          ip: request.ip,
          requestId: request.id,
          headers: request.headers,
          signal: disconnectSignal(reply.raw),
          observation,
          log: request.log,
        }
        const answer = await observation.during(() =>
          admission.during(() => handleExchange(exchange, context)),
        )
        return reply.headers(ANSWER_HEADERS).send(answer.body)
      },
    )
    registered()
  })
}

/** Checks for the media type of requests, whatever its parameters. */
const isSealedRequest = (contentType: string | undefined): boolean =>
  contentType?.split(';')[0]?.trim().toLowerCase() === MEDIA_TYPES.request
