import type { FastifyBaseLogger } from 'fastify'
import type { SecurityTier } from '../access/policy/tier-policy.js'
import type { ChatRequest } from '../completion/chat-request.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
import type { JsonObject } from '../json/json-object.js'
import type { CompletionObservation } from '../observability/completion-record.js'
import type { RouteAnswer, RouteRequest } from './route.js'

/** Circumstances of a request of any route. */
export interface ForwardContext {
  readonly tier: SecurityTier
  /** Salt of the prompt cache of the caller, for servers that know `cache_salt`. */
  readonly cacheSalt: string | undefined
  readonly turns: EventLoopTurns
  readonly observation: CompletionObservation
  /** Headers for the model server, such as `traceparent`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * Accounts for the memory of an answer that is being received.
   *
   * @param bytes - size of the answer so far
   * @throws HttpError 503 when there is no memory left for it
   */
  reserveAnswer(bytes: number): void
  /** Longest silence within an answer that comes in parts, in milliseconds. Default: that of any answer. */
  readonly streamIdleMs?: number | undefined
}

/** Circumstances of a request for a completion. */
export interface EngineContext extends ForwardContext {
  /** Members to set in the request that is forwarded. */
  readonly changes: Readonly<Record<string, unknown>>
}

/** Answer to a request. */
export interface Completion {
  /** OpenAI chat completion, as the model server sent it. */
  readonly answer: JsonObject
  /** Configured name of the model server. */
  readonly upstream?: string | undefined
}

/** State of a model server. */
export interface UpstreamState {
  readonly name: string
  /** Base URL; undefined for a model in this process. */
  readonly url: string | undefined
  readonly healthy: boolean
  readonly inFlight: number
}

/** Source of answers to decrypted requests. */
export interface Engine {
  /** Starts background work, if there is any. */
  start?(log: FastifyBaseLogger): void
  /**
   * Returns a complete OpenAI chat completion.
   *
   * @param signal - aborts when the caller disconnects
   * @throws HttpError whose text contains nothing of the request or the answer
   */
  complete(request: ChatRequest, signal: AbortSignal, context: EngineContext): Promise<Completion>
  /**
   * Forwards a request of any route. Resolves once a whole answer is read, or the first part of one that
   * comes in parts: until then, another model server may answer.
   *
   * @param signal - aborts when the caller disconnects
   * @throws HttpError whose text contains nothing of the request or the answer
   */
  forward(request: RouteRequest, signal: AbortSignal, context: ForwardContext): Promise<RouteAnswer>
  /**
   * Returns the names of the available models.
   *
   * @throws HttpError
   */
  models(): Promise<readonly string[]>
  /** Checks whether a model is among those that are listed, as far as is known. */
  lists?(model: string): boolean
  /** Returns the state of the model servers behind the engine. */
  upstreams?(): readonly UpstreamState[]
  close(): Promise<void>
}
