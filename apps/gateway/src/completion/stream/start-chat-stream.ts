import { isRecord, JsonObject } from '../../json/json-object.js'
import type { RouteAnswer } from '../../upstreams/route.js'
import { UpstreamRefusal } from '../../upstreams/server/upstream-refusal.js'
import { allowRequest, describeAnswer, forwardContextOf } from '../authorize-request.js'
import type { ChatRequest } from '../chat-request.js'
import type { OpenedCompletion, ServiceContext } from '../service-context.js'

/** Pauses of a model that writes a long tool call, or waits for its turn, are shorter. */
export const STREAM_IDLE_MS = 300_000

/** Stream of a chat completion that has begun. */
export interface ChatStream {
  readonly answer: RouteAnswer
  /** Describes the answer, for its first event. */
  readonly metadata: Readonly<Record<string, unknown>>
  /** The caller asked for the tokens used. */
  readonly includesUsage: boolean
}

/**
 * Authorizes a chat request that asks for a stream, and has a model server begin with it.
 *
 * @returns the stream, which must be closed
 * @throws HttpError whose text reveals nothing of the plaintext; ConfidentialRefusal with more for the caller
 */
export async function startChatStream(
  chatRequest: ChatRequest,
  request: OpenedCompletion,
  context: ServiceContext,
): Promise<ChatStream> {
  const { settings, signal, observation, plaintext } = request
  const allowed = await allowRequest(chatRequest, request, context)
  const given = chatRequest.member('stream_options')
  const options = isRecord(given) ? given : {}
  const forwardContext = forwardContextOf(request, chatRequest, {
    tier: allowed.tier,
    turns: context.turns,
    plaintextBytes: plaintext.length,
  })
  const answer = await settings.engine
    .forward(
      {
        path: '/chat/completions',
        model: allowed.model,
        accept: 'text/event-stream',
        streamed: true,
        body: ({ cacheSalt }) => {
          const body = chatRequest.rewrite({
            ...allowed.changes,
            stream: true,
            // The tokens are counted, whatever the caller asks for.
            stream_options: { ...options, include_usage: true },
            api_key: undefined,
            security_tier: undefined,
            cache_salt: cacheSalt,
          })
          const { byteLength } = body
          return { contentType: 'application/json', byteLength, toBody: () => body.toBody() }
        },
      },
      signal,
      { ...forwardContext, streamIdleMs: context.streams().idleTimeoutMs ?? STREAM_IDLE_MS },
    )
    .catch((error: unknown) => {
      if (error instanceof UpstreamRefusal) observation.upstreamStatus = error.inner.status
      throw error
    })
  observation.upstreamStatus = 200
  try {
    const host = await context.hostMeasurements.describe(JsonObject.from({}))
    const metadata = await describeAnswer(allowed, request, host, request.metadata)
    return { answer, metadata, includesUsage: options['include_usage'] === true }
  } catch (error) {
    answer.close()
    throw error
  }
}
