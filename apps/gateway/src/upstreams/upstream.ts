import { matchesModel } from '../access/model-pattern.js'
import type { SecurityTier } from '../access/tier-policy.js'
import type { ChatRequest } from '../completion/chat-request.js'
import type { Completion, EngineContext, UpstreamState } from './engine.js'
import { parseModelNames } from './model-names.js'
import { OpenAICompatibleServer, type OpenAICompatibleOptions } from './openai-compatible.js'
import { UpstreamError } from './upstream-error.js'

/** One of several model servers. */
export interface UpstreamConfig extends OpenAICompatibleOptions {
  /** Name in logs and metrics. */
  readonly name: string
  /** Models that this server is used for, `*` standing for any text. Default: all. */
  readonly models?: readonly string[] | undefined
  /** Share of requests, relative to the weights of the other servers. Default 1. */
  readonly weight?: number | undefined
  /** Largest number of concurrent requests. Default: no limit. */
  readonly maxConcurrent?: number | undefined
  /** Security tiers that this server may be used for. Default: `standard` only. */
  readonly tiers?: readonly SecurityTier[] | undefined
}

/** A model server with its load and health. */
export class Upstream implements UpstreamState {
  readonly name: string
  readonly #config: UpstreamConfig
  readonly #server: OpenAICompatibleServer
  readonly #unhealthyAfter: number
  readonly #onHealthChange: (upstream: Upstream) => void
  #inFlight = 0
  #failures = 0

  constructor(
    config: UpstreamConfig,
    unhealthyAfter: number,
    onHealthChange: (upstream: Upstream) => void,
  ) {
    this.name = config.name
    this.#config = config
    this.#server = new OpenAICompatibleServer(config)
    this.#unhealthyAfter = unhealthyAfter
    this.#onHealthChange = onHealthChange
  }

  get healthy(): boolean {
    return this.#failures < this.#unhealthyAfter
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get full(): boolean {
    return this.#inFlight >= (this.#config.maxConcurrent ?? Infinity)
  }

  /** Load with one more request, relative to the weight. */
  get load(): number {
    return (this.#inFlight + 1) / (this.#config.weight ?? 1)
  }

  serves(model: string): boolean {
    return this.#config.models === undefined || matchesModel(this.#config.models, model)
  }

  acceptsTier(tier: SecurityTier): boolean {
    return (this.#config.tiers ?? ['standard']).includes(tier)
  }

  /** @throws UpstreamError */
  async complete(
    request: ChatRequest,
    signal: AbortSignal,
    context: EngineContext,
  ): Promise<Completion> {
    this.#inFlight++
    try {
      const answer = await this.#server.complete(request, signal, context)
      this.#recordFailures(0)
      return { answer, upstream: this.name }
    } catch (error) {
      // A caller that disconnects says nothing about the server.
      if (error instanceof UpstreamError && error.unhealthy && !signal.aborted) {
        this.#recordFailures(this.#failures + 1)
      }
      throw error
    } finally {
      this.#inFlight--
    }
  }

  /**
   * Returns the models of the server that it is used for. Counts as a health check.
   *
   * @throws UpstreamError
   */
  async models(): Promise<readonly string[]> {
    try {
      const models = parseModelNames(await this.#server.models())
      this.#recordFailures(0)
      return models.filter((model) => this.serves(model))
    } catch (error) {
      this.#recordFailures(this.#failures + 1)
      throw error
    }
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  #recordFailures(failures: number): void {
    const wasHealthy = this.healthy
    this.#failures = failures
    if (this.healthy !== wasHealthy) this.#onHealthChange(this)
  }
}
