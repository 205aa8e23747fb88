import type { WholeResponse } from '@nomyo/crypto/wire-2'
import type { RouteMembers } from '../../access/policy/route-members.js'
import {
  allowRequest,
  describeAnswer,
  forwardContextOf,
  type AllowedRequest,
  type DecryptedRequest,
} from '../../completion/authorize-request.js'
import { StreamMeter } from '../../completion/stream/stream-meter.js'
import { responseModel, tokenUsage } from '../../completion/token-usage.js'
import { JsonObject } from '../../json/json-object.js'
import type { RouteAnswer, RouteAnswerBody, RouteRequest } from '../../upstreams/route.js'
import { UpstreamRefusal } from '../../upstreams/server/upstream-refusal.js'
import { jsonResponse } from '../answer/inner-response.js'
import type { ErrorShape } from '../answer/stream/encode-event.js'
import { wireMetadata } from '../answer/wire-metadata.js'
import type { ExchangeContext } from '../exchange-context.js'
import type { AuthorizedRequest } from './authorized-request.js'

/** Decrypted request, and how it is forwarded. */
export interface ForwardedRequest {
  readonly decrypted: DecryptedRequest
  /** Members of its route. */
  readonly members: RouteMembers
  readonly plaintextBytes: number
  /** The answer comes in parts. */
  readonly streamed: boolean
  /** Shape of errors in streams. Default: that of chat completions. */
  readonly errors?: ErrorShape | undefined
  /** The caller asks for an event with the tokens used, where there is one for them alone. Default true. */
  readonly includesUsage?: boolean
  /**
   * Creates the request for a model server.
   *
   * @param changes - members to set
   */
  readonly toRoute: (changes: Readonly<Record<string, unknown>>) => RouteRequest
}

/** Pauses of a model that writes a long tool call, or waits for its turn, are shorter. */
const STREAM_IDLE_MS = 300_000
/** Memory of a stream: buffers of both connections, and the parts that are gathered. */
const STREAM_BYTES = 64 * 1024

/**
 * Checks a request against key, tier and rules, forwards it, and answers with what the model server says.
 *
 * @returns a whole response; undefined after one that was sent as it came
 * @throws HttpError, ConfidentialRefusal
 */
export async function forwardRequest(
  forwarded: ForwardedRequest,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse> | undefined> {
  const { decrypted, members } = forwarded
  const { observation } = request
  // Signs of life have the form of the answer, and evidence may take until the first one.
  if (forwarded.streamed) request.keepAlive(true)
  const allowed = await allowRequest(decrypted, request, context, undefined, members)
  const end = observation.begin('upstream')
  try {
    const answer = await askEngine(forwarded, allowed, request, context)
    try {
      const { body } = answer
      if (body.kind === 'events' || body.kind === 'stream') {
        await sendParts({ ...answer, body }, forwarded, allowed, request, context)
        return undefined
      }
      end()
      if (body.kind === 'json') {
        return await respondJson(body.object, forwarded, allowed, request, context)
      }
      return jsonResponse(200, body.bytes, request.facts(), { type: answer.contentType })
    } finally {
      answer.close()
    }
  } finally {
    end()
  }
}

async function askEngine(
  { decrypted, plaintextBytes, toRoute }: ForwardedRequest,
  { tier, changes }: AllowedRequest,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<RouteAnswer> {
  const { settings, signal, observation } = request
  const { turns } = context
  const answer = await settings.engine
    .forward(toRoute(changes), signal, {
      ...forwardContextOf(request, decrypted, { tier, turns, plaintextBytes }),
      streamIdleMs: context.streams().idleTimeoutMs ?? STREAM_IDLE_MS,
    })
    .catch((error: unknown) => {
      if (error instanceof UpstreamRefusal) observation.upstreamStatus = error.inner.status
      throw error
    })
  observation.upstreamStatus = 200
  return answer
}

/** Body of an answer that comes in parts. */
type Parts = Extract<RouteAnswerBody, { kind: 'events' | 'stream' }>

async function sendParts(
  { contentType, body }: RouteAnswer & { readonly body: Parts },
  { errors = 'chat', includesUsage = true, plaintextBytes }: ForwardedRequest,
  allowed: AllowedRequest,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<void> {
  const { observation, admission } = request
  admission.account({ plaintext: plaintextBytes, envelope: STREAM_BYTES })
  if (body.kind === 'stream') return request.stream(contentType, { parts: body.parts })
  const metadata = await metadataOf(JsonObject.from({}), allowed, request, context)
  const meter = new StreamMeter({ includesUsage, metadata })
  const { events } = body
  try {
    await request.stream('text/event-stream; charset=utf-8', { events, meter, errors })
  } finally {
    observation.usage = meter.usage
    observation.responseModel = meter.model
  }
}

async function respondJson(
  object: JsonObject,
  { plaintextBytes }: ForwardedRequest,
  allowed: AllowedRequest,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { observation, admission, facts } = request
  observation.responseModel = responseModel(object)
  observation.usage = tokenUsage(object)
  const _metadata = await metadataOf(object, allowed, request, context)
  const answer = object.rewrite({ _metadata })
  try {
    admission.account({ plaintext: plaintextBytes, answer: answer.byteLength })
    return jsonResponse(200, answer.copy(), facts())
  } finally {
    answer.dispose()
  }
}

/** @param answer - of the model server, which may describe its host */
async function metadataOf(
  answer: JsonObject,
  allowed: AllowedRequest,
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Readonly<Record<string, unknown>>> {
  const host = await context.hostMeasurements.describe(answer)
  return describeAnswer(allowed, request, host, wireMetadata(request, context))
}
