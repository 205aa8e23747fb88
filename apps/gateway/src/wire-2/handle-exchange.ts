import { SecurityError } from '@nomyo/crypto'
import { GATEWAY_PATH } from '@nomyo/crypto/wire-2'
import type { FastifyBaseLogger } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import { authorizeTier, type Caller } from '../access/access-control.js'
import type { Admission } from '../completion/load/load-shedder.js'
import { HttpError } from '../http-error.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
import type { CompletionObservation } from '../observability/completion-record.js'
import { checkAuthority } from './request/authority.js'
import type { BodyParts } from './request/body-parts.js'
import type { ExchangeContext } from './exchange-context.js'
import { jsonResponse, refusalResponse, type ResponseFacts } from './answer/inner-response.js'
import { KeyProblem } from './answer/key-problem.js'
import { openHead, type OpenedHead } from './request/open-head.js'
import { refuseKnownSecret, refuseReplayedSecret } from './request/refuse-replayed-secret.js'
import { checkDate } from './request/request-date.js'
import {
  checkType,
  parseIdempotencyKey,
  parseTier,
  selectFields,
} from './request/request-fields.js'
import { holdContent } from './request/hold-content.js'
import { RequestMessage } from './request/request-message.js'
import type { UploadLimits } from './request/upload-limits.js'
import { findRoute } from './routes/routes.js'
import { SealedAnswer } from './answer/sealed-answer.js'
import {
  refusalOf as refusalOfStream,
  sendStream,
  type StreamSource,
} from './answer/stream/send-stream.js'
import { STREAM_DEFAULTS, type StreamSettings } from './answer/stream/streamed-answer.js'
import { TurnBudget } from './request/turn-budget.js'

/** Encrypted request that has a place. */
export interface EncryptedExchange {
  readonly parts: BodyParts
  /** Bytes that may be held of the encrypted request: its size, or less of one that passes through. */
  readonly size: number
  /** By its headers: one that is `long` is too large to be held, and only a form may be. Default `short`. */
  readonly extent?: 'short' | 'unknown' | 'long' | undefined
  readonly admission: Admission
  /** Aborts when the place of a request without a known caller is given to a newer one. */
  readonly evicted?: AbortSignal | undefined
  /** Caller, where its address identifies it. */
  readonly caller: Caller | undefined
  /** Owner of the request until its caller is known. */
  readonly source: string
  readonly ip: string
  readonly requestId: string
  readonly headers: IncomingHttpHeaders
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
  readonly observation: CompletionObservation
  readonly log: FastifyBaseLogger
}

/** Longest time for the first chunk, as for the headers of a request. */
const HEAD_TIMEOUT_MS = 20_000
/** Node refuses requests that are late itself, and not inside the encryption: this comes before. */
const TIMEOUT_MARGIN_MS = 2000

/**
 * Opens a request of wire 2, and answers it. Until a chunk is decrypted, refusals are errors, which every
 * party on the network path reads; from then on everything is part of the answer, which only the sender reads.
 *
 * @returns the answer, which comes while it is read
 * @throws KeyProblem; HttpError 400 when the caller disconnects, 408, 503
 */
export async function handleExchange(
  exchange: EncryptedExchange,
  context: ExchangeContext,
): Promise<SealedAnswer> {
  const { observation, parts, signal } = exchange
  const timeoutMs = context.requestTimeoutMs()
  const endWait = observation.begin('queue')
  const opened = await context.metrics
    .countDecryption(() =>
      openHead(
        parts,
        {
          keys: context.requestKeys.opening(),
          inTurn: (decapsulate) =>
            context.loadShedder.decrypt(
              2,
              exchange.source,
              () => {
                endWait()
                return observation.time('decrypt', decapsulate)
              },
              signal,
            ),
          timeoutMs: Math.min(HEAD_TIMEOUT_MS, timeoutMs),
          evicted: exchange.evicted,
        },
        { turns: context.turns, maxBytes: uploadsOf(context).maxBytes },
      ),
    )
    .catch((error: unknown) => {
      endWait()
      observation.bytesIn = parts.received
      throw error instanceof SecurityError ? new KeyProblem() : error
    })
  const answer = new SealedAnswer(opened.sealer, context.heartbeatsMs)
  const lateMs = Math.max(timeoutMs / 2, timeoutMs - TIMEOUT_MARGIN_MS)
  void finish(exchange, { opened, answer, timeoutMs: lateMs }, context)
  return answer
}

/** Parts of an exchange whose head is open. */
interface OpenedExchange {
  readonly opened: OpenedHead
  readonly answer: SealedAnswer
  /** Time for the whole request to arrive, in milliseconds. */
  readonly timeoutMs: number
}

/** Answers an opened request. Never rejects: every failure is an answer, or ends the connection. */
async function finish(
  exchange: EncryptedExchange,
  open: OpenedExchange,
  context: ExchangeContext,
): Promise<void> {
  const { observation, admission, parts, log } = exchange
  const { answer, opened } = open
  await observation.during(() =>
    admission.during(async () => {
      try {
        const response = await answerOpened(exchange, open, context).catch((error: unknown) =>
          refusalResponse(refusalOf(error, exchange, context), factsOf(exchange, context)),
        )
        if (response === undefined) return
        observation.innerStatus = response.status
        observation.bytesOut = await observation.time('encrypt', () =>
          context.loadShedder.encrypt(admission.owner, response.content.length, () =>
            answer.finish(response),
          ),
        )
        admission.account({ envelope: observation.bytesOut })
      } catch (error) {
        // The caller has disconnected, or there is no memory for the answer.
        if (!answer.body.destroyed && !(error instanceof HttpError)) {
          log.error({ err: error }, 'an answer was not completed')
        }
        answer.abort()
      } finally {
        observation.bytesIn = parts.received
        opened.firstChunk.fill(0)
        opened.chunks.dispose()
      }
    }),
  )
}

async function answerOpened(
  exchange: EncryptedExchange,
  { opened, answer, timeoutMs }: OpenedExchange,
  context: ExchangeContext,
) {
  const { observation, admission, signal, headers, requestId, parts, size } = exchange
  const { maxBodyBytes } = context
  const { extent = 'short' } = exchange
  const uploads = uploadsOf(context)
  const settings = context.current()
  const message = readMessage(opened.firstChunk, context.turns)
  const { head } = message
  if (head === undefined) {
    throw new HttpError(400, 'The fields of the request must be in its first chunk')
  }
  const fields = selectFields(head.fields)
  const nowMs = (context.now ?? Date.now)()
  checkDate(fields.date, { nowMs, isRequired: context.settings.dateIsOptional !== true })
  refuseKnownSecret(context.replayCache, opened.enc)

  const caller = await identify(fields.authorization, exchange, context)
  const trace = context.tracer.start({ headers, route: GATEWAY_PATH, clock: observation })
  observation.subscribe(trace)
  await refuseReplayedSecret(context.replayCache, opened.enc, caller.redisWait)
  // No copy counts against the quota of the caller.
  await context.quotaGuard.admit(caller, caller.redisWait)

  checkAuthority(head.authority, context.settings.publicNames)
  const route = findRoute(head)
  observation.endpoint = route.name
  checkType(route.accepts, fields)
  const idempotencyKey = parseIdempotencyKey(fields)
  observation.payloadId = idempotencyKey
  const tier = (observation.tier = parseTier(fields))
  authorizeTier(caller, tier, settings.policy)
  const work = { caller: caller.id, key: idempotencyKey, wait: caller.redisWait }
  return context.workInProgress.during(work, () =>
    route.answer(
      {
        path: head.path,
        contentType: fields['content-type'],
        ...{ settings, tier, caller, admission, signal, observation, trace },
        payloadId: idempotencyKey ?? requestId,
        suite: opened.suite,
        facts: () => factsOf(exchange, context),
        readContent: () =>
          message
            .readContent(() => {
              if (extent === 'long' || parts.received > maxBodyBytes) throw tooLarge()
              return opened.chunks.next(timeoutMs)
            }, size)
            .catch((error: unknown) => {
              throw malformedOf(error)
            }),
        readForm: () => {
          const content = message.streamContent(() =>
            opened.chunks.next(
              extent === 'short'
                ? timeoutMs
                : Math.min(uploads.totalMs, parts.ageMs + uploads.idleMs),
            ),
          )
          return holdContent(refusing(content), extent === 'long' ? 0 : size)
        },
        upload: uploads,
        heldBytes: size,
        keepAlive: (isStreamed) => {
          answer.keepAlive(isStreamed)
        },
        stream: (contentType, source) =>
          answerInParts({ contentType, source }, { exchange, answer, context }),
      },
      context,
    ),
  )
}

/** Answers with a stream, and records how it ended. */
async function answerInParts(
  { contentType, source }: { readonly contentType: string; readonly source: StreamSource },
  {
    exchange,
    answer,
    context,
  }: {
    readonly exchange: EncryptedExchange
    readonly answer: SealedAnswer
    readonly context: ExchangeContext
  },
): Promise<void> {
  const { observation, signal, log } = exchange
  const { status, fields } = jsonResponse(200, NO_CONTENT, factsOf(exchange, context), {
    type: contentType,
    fields: [['cache-control', 'no-store']],
  })
  observation.innerStatus = status
  const head = { status, fields }
  const firstPartMs = observation.nowMs() - observation.startedAtMs
  const stream = answer.stream(head, streamSettings(context), {
    isEvents: 'events' in source,
    onSlowReader: () => {
      context.metrics.connections.countDropped('slow_reader')
    },
  })
  const { end, error } = await sendStream(stream, source, signal)
  observation.bytesOut = stream.bytesOut
  const parts = stream.count
  observation.stream = {
    kind: 'events' in source ? 'events' : 'bytes',
    end,
    parts,
    firstPartMs: parts === 0 ? undefined : firstPartMs,
  }
  if (end === 'disconnected') answer.abort()
  if (error === undefined) return
  const refusal = refusalOfStream(error)
  context.metrics.countRefusal(refusal.code)
  observation.refuse(refusal.code)
  if (refusal.code === 'fault') log.error({ err: error }, 'a stream failed')
}

const NO_CONTENT = new Uint8Array()

function streamSettings({
  streams,
  requestTimeoutMs,
  streamHeartbeatMs = STREAM_DEFAULTS.heartbeatMs,
}: ExchangeContext): StreamSettings {
  const { intervalMs, paddingBytes } = streams()
  return {
    intervalMs: intervalMs ?? STREAM_DEFAULTS.intervalMs,
    paddingBytes: paddingBytes ?? STREAM_DEFAULTS.paddingBytes,
    heartbeatMs: streamHeartbeatMs,
    readTimeoutMs: requestTimeoutMs(),
  }
}

function readMessage(firstChunk: Uint8Array, turns: EventLoopTurns): RequestMessage {
  try {
    return new RequestMessage(firstChunk, new TurnBudget(turns))
  } catch (error) {
    throw malformedOf(error)
  }
}

/** Identifies the caller, and counts the request against its rate limit. */
async function identify(
  authorization: string | undefined,
  { caller: known, ip, admission, size, observation }: EncryptedExchange,
  { accessControl }: ExchangeContext,
): Promise<Caller> {
  const caller = known ?? (await accessControl.admit({ authorization, ip }))
  observation.keyName = caller.keyName
  observation.admitted = true
  if (known === undefined) admission.identify(caller.id, size)
  return caller
}

/** Reduces an error to what the caller may know, and counts it. */
function refusalOf(
  error: unknown,
  { observation, log }: EncryptedExchange,
  { metrics }: ExchangeContext,
): HttpError {
  const refusal = error instanceof HttpError ? error : new HttpError(500, 'Internal server error')
  metrics.countRefusal(refusal.code)
  observation.refuse(refusal.code)
  if (refusal !== error) log.error({ err: error }, 'request failed')
  return refusal
}

const factsOf = (
  { requestId }: EncryptedExchange,
  { now = Date.now }: ExchangeContext,
): ResponseFacts => ({ requestId, nowMs: now() })

/** Returns the limits of forms: without any, those of every request. */
function uploadsOf({ uploads, maxBodyBytes, requestTimeoutMs }: ExchangeContext): UploadLimits {
  const timeMs = requestTimeoutMs()
  return (
    uploads?.() ?? {
      ...{ maxBytes: maxBodyBytes, totalMs: timeMs, idleMs: timeMs, stallMs: timeMs },
    }
  )
}

/** Turns the errors of content into refusals, wherever they occur. */
async function* refusing(
  content: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* content
  } catch (error) {
    throw malformedOf(error)
  }
}

const tooLarge = (): HttpError => new HttpError(413, 'The request body is too large')

/** Turns the errors of chunks and messages into refusals. */
function malformedOf(error: unknown): unknown {
  if (!(error instanceof SecurityError)) return error
  return error.code === 'ERR_ENVELOPE_TOO_LARGE'
    ? tooLarge()
    : new HttpError(400, 'The request is malformed, or not whole')
}
