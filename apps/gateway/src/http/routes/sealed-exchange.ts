import { disconnectSignal } from '@nomyo-internal/http-server'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { KnownRelays } from '../../access/known-relays.js'
import { addressId, type Caller } from '../../access/access-control.js'
import type { Admission, UnidentifiedAdmission } from '../../completion/load/load-shedder.js'
import { sizeOfBody } from '../../completion/read-body.js'
import { HttpError } from '../../http-error.js'
import { CompletionObservation } from '../../observability/completion-record.js'
import { BodyParts } from '../../wire-2/request/body-parts.js'
import type { ExchangeContext } from '../../wire-2/exchange-context.js'
import { handleExchange, type EncryptedExchange } from '../../wire-2/handle-exchange.js'
import { UPLOAD_BYTES } from '../../wire-2/request/upload-limits.js'

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
  {
    knownRelays,
    allowTime,
  }: {
    readonly knownRelays: KnownRelays
    /** Leaves the time of a request to its reader. */
    readonly allowTime: (request: IncomingMessage) => void
  },
): void {
  const sizesOf = (raw: IncomingMessage): Sizes =>
    sizes(raw, { maxBodyBytes: context.maxBodyBytes, maxUploadBytes: context.uploads?.().maxBytes })
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
          const { accessControl, loadShedder } = context
          if (accessControl.requiresKey) {
            const admission = loadShedder.enterUnidentified(sourceOf(request), reply.raw)
            request.setDecorator('admission', admission)
          } else {
            const isRelayed = knownRelays.has(request.ip)
            const { ip } = request
            const caller = await accessControl.admit({ authorization: undefined, ip, isRelayed })
            const owner = isRelayed ? sourceOf(request) : caller.id
            const { size } = sizesOf(request.raw)
            request.setDecorator('admission', loadShedder.enter(2, owner, reply.raw, size))
            request.setDecorator<Caller>('caller', caller)
          }
          if (!isSealedRequest(request.headers['content-type'])) {
            throw new HttpError(415, `Content-Type must be ${MEDIA_TYPES.request}`)
          }
          sizesOf(request.raw)
        },
      },
      async (request, reply) => {
        const observation = request.getDecorator<CompletionObservation>('observation')
        const admission = request.getDecorator<Admission | UnidentifiedAdmission>('admission')
        const parts = new BodyParts(request.raw)
        const { size, extent } = sizesOf(request.raw)
        if (extent !== 'short') allowTime(request.raw)
        const exchange = {
          parts,
          size,
          extent,
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

/** Size of a request; see `EncryptedExchange`. */
type Sizes = Required<Pick<EncryptedExchange, 'size' | 'extent'>>

/**
 * Returns how much of a request may be held, by its headers: nothing of one that is too large for that, since only
 * a form may be.
 *
 * @throws HttpError 413
 */
function sizes(
  raw: IncomingMessage,
  {
    maxBodyBytes,
    maxUploadBytes = maxBodyBytes,
  }: { readonly maxBodyBytes: number; readonly maxUploadBytes?: number | undefined },
): Sizes {
  const isUnknown = raw.headers['transfer-encoding'] !== undefined
  const size = sizeOfBody(raw, maxUploadBytes)
  if (isUnknown) return { size: Math.min(size, maxBodyBytes), extent: 'unknown' }
  return size <= maxBodyBytes
    ? { size, extent: 'short' }
    : { size: Math.min(UPLOAD_BYTES, maxBodyBytes), extent: 'long' }
}

/** Checks for the media type of requests, whatever its parameters. */
const isSealedRequest = (contentType: string | undefined): boolean =>
  contentType?.split(';')[0]?.trim().toLowerCase() === MEDIA_TYPES.request
