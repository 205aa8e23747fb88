import type { FastifyBaseLogger } from 'fastify'
import type { SecurityTier } from '../access/tier-policy.js'

/** Decrypted chat request: `model` and `messages` are checked, all other members are as received. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly Record<string, unknown>[]
  readonly [member: string]: unknown
}

/** State of a model server. */
export interface UpstreamState {
  readonly name: string
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
  complete(
    request: ChatRequest,
    signal: AbortSignal,
    tier: SecurityTier,
  ): Promise<Record<string, unknown>>
  /**
   * Returns the names of the available models.
   *
   * @throws HttpError
   */
  models(): Promise<readonly string[]>
  /** Returns the state of the model servers behind the engine. */
  upstreams?(): readonly UpstreamState[]
  close(): Promise<void>
}
