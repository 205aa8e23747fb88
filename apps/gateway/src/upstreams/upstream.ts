import { matchesModel } from '../access/model-pattern.js'
import type { SecurityTier } from '../access/security-tier.js'
import type { WaitingCaller } from '../http/disconnect-signal.js'
import type { ChatRequest, UpstreamState } from './engine.js'
import { parseModelNames } from './model-names.js'
import { OpenAICompatibleServer, type OpenAICompatibleOptions } from './openai-compatible.js'
import { UpstreamFault } from './upstream-error.js'

/** One model server of several. */
export interface UpstreamConfig extends OpenAICompatibleOptions {
  /** For logs. */
  readonly name: string
  /** Models it is asked for, `*` standing for any text. Default: all. */
  readonly models?: readonly string[] | undefined
  /** Its share of requests, compared with the weights of others. Default 1. */
  readonly weight?: number | undefined
  /** How many requests it may have at a time. Default: any number. */
  readonly maxConcurrent?: number | undefined
  /** Security tiers it may be used for. Default: `standard` alone. */
  readonly tiers?: readonly SecurityTier[] | undefined
}

/** A model server with what is known of it: how busy it is, and how well. */
export class Upstream implements UpstreamState {
  readonly name: string
  readonly #config: UpstreamConfig
  readonly #server: OpenAICompatibleServer
  readonly #unhealthyAfter: number
  readonly #onChange: (upstream: Upstream) => void
  #inFlight = 0
  #failures = 0

  constructor(
    config: UpstreamConfig,
    unhealthyAfter: number,
    onChange: (upstream: Upstream) => void,
  ) {
    this.name = config.name
    this.#config = config
    this.#server = new OpenAICompatibleServer(config)
    this.#unhealthyAfter = unhealthyAfter
    this.#onChange = onChange
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

  /** How busy it would be with one request more, for its weight. */
  get load(): number {
    return (this.#inFlight + 1) / (this.#config.weight ?? 1)
  }

  serves(model: string): boolean {
    return this.#config.models === undefined || matchesModel(this.#config.models, model)
  }

  isMarkedFor(tier: SecurityTier): boolean {
    return (this.#config.tiers ?? ['standard']).includes(tier)
  }

  /** @throws UpstreamFault */
  async complete(request: ChatRequest, caller: WaitingCaller): Promise<Record<string, unknown>> {
    this.#inFlight++
    try {
      const answer = await this.#server.complete(request, caller)
      this.#count(0)
      return answer
    } catch (error) {
      // That the caller hung up says nothing about the upstream.
      const sick = error instanceof UpstreamFault && error.sick && !caller.hasGone()
      if (sick) this.#count(this.#failures + 1)
      throw error
    } finally {
      this.#inFlight--
    }
  }

  /**
   * Those of its models it is asked for; a check of its health at the same time.
   *
   * @throws UpstreamFault
   */
  async models(): Promise<readonly string[]> {
    try {
      const models = parseModelNames(await this.#server.models())
      this.#count(0)
      return models.filter((model) => this.serves(model))
    } catch (error) {
      this.#count(this.#failures + 1)
      throw error
    }
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  #count(failures: number): void {
    const before = this.healthy
    this.#failures = failures
    if (this.healthy !== before) this.#onChange(this)
  }
}
