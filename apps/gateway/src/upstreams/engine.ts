import type { FastifyBaseLogger } from 'fastify'
import type { SecurityTier } from '../access/security-tier.js'
import type { WaitingCaller } from '../http/disconnect-signal.js'

/** A chat request as it was sealed: `model` and `messages` checked, everything else as given. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly Record<string, unknown>[]
  readonly [member: string]: unknown
}

/** How a model server is. */
export interface UpstreamState {
  readonly name: string
  readonly healthy: boolean
  readonly inFlight: number
}

/** What answers opened requests. */
export interface Engine {
  /** Named in logs. */
  readonly name: string
  /** Begins what goes on in the background, if anything does. */
  start?(log: FastifyBaseLogger): void
  /**
   * Gives a whole OpenAI chat completion.
   *
   * @throws HttpError with a text that holds nothing of request or answer
   */
  complete(
    request: ChatRequest,
    caller: WaitingCaller,
    tier: SecurityTier,
  ): Promise<Record<string, unknown>>
  /**
   * The names of the models it may be asked for.
   *
   * @throws HttpError
   */
  models(): Promise<readonly string[]>
  /** The model servers behind it. */
  upstreams?(): readonly UpstreamState[]
  close(): Promise<void>
}
