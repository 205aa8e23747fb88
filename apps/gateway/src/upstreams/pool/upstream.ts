import { isDeepStrictEqual } from 'node:util'
import { matchesModel } from '../../access/policy/model-pattern.js'
import type { SecurityTier } from '../../access/policy/tier-policy.js'
import { readCaFile } from '../server/ca-file.js'
import type { ChatRequest } from '../../completion/chat-request.js'
import type { Completion, EngineContext, ForwardContext, UpstreamState } from '../engine.js'
import type { RouteAnswer, RouteRequest } from '../route.js'
import { Health, monotonicNow, type HealthCheckConfig, type Visit } from './health.js'
import { ModelMemory, type ModelKnowledge } from './model-memory.js'
import { RouteMemory } from './route-memory.js'
import {
  OpenAICompatibleServer,
  type OpenAICompatibleOptions,
  type PollResult,
} from '../server/openai-compatible.js'
import { UpstreamError } from '../server/upstream-error.js'

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
  /** Sends the salt of the prompt cache. Default: if the server owns its models as vLLM or SGLang do. */
  readonly cacheSalt?: boolean | undefined
  /** Security tiers that this server may be used for. Default: `standard` only. */
  readonly tiers?: readonly SecurityTier[] | undefined
}

/** Result of a health check of a server. */
export interface UpstreamPoll extends Pick<PollResult, 'isPresent' | 'reason'> {
  /** Models that the server is used for; undefined if it lists none. */
  readonly models: readonly string[] | undefined
}

/** Settings of a model server with the content of its files. */
export interface LoadedUpstream {
  readonly config: UpstreamConfig
  readonly ca: readonly string[] | undefined
}

/**
 * Reads the files that the settings of a model server name.
 *
 * @throws GatewayError `ERR_CA_FILE`
 */
export const loadUpstream = (config: UpstreamConfig): LoadedUpstream => ({
  config,
  ca: config.caFile === undefined ? undefined : readCaFile(config.caFile),
})

/** Values of `owned_by` of servers that know `cache_salt`. */
const SALTED_OWNERS = ['vllm', 'sglang']

/** A model server with its load, its health, and what is known of its models. */
export class Upstream implements UpstreamState {
  readonly name: string
  readonly url: string
  readonly health: Health
  /** Number of its last use in the pool: the lowest of equals is chosen. */
  lastUse = 0
  readonly #settings: readonly [LoadedUpstream, unhealthyAfter: number | undefined]
  readonly #config: UpstreamConfig
  readonly #server: OpenAICompatibleServer
  readonly #models: ModelMemory
  readonly #routes: RouteMemory
  #firstPoll: Promise<unknown> | undefined

  /** @param now - monotonic clock, in milliseconds */
  constructor(loaded: LoadedUpstream, healthConfig: HealthCheckConfig, now = monotonicNow) {
    const { config, ca } = loaded
    this.name = config.name
    this.url = config.url
    this.#settings = [loaded, healthConfig.unhealthyAfter]
    this.#config = config
    this.#server = new OpenAICompatibleServer(config, ca)
    this.health = new Health(healthConfig, now)
    this.#models = new ModelMemory(now)
    this.#routes = new RouteMemory(now)
  }

  get healthy(): boolean {
    return this.health.isHealthy
  }

  get inFlight(): number {
    return this.health.inFlight
  }

  get full(): boolean {
    return this.inFlight >= (this.#config.maxConcurrent ?? Infinity)
  }

  /** Load with one more request, relative to the weight. */
  get load(): number {
    return (this.inFlight + 1) / (this.#config.weight ?? 1)
  }

  /** Checks whether the settings permit the model here. */
  serves(model: string): boolean {
    return this.#config.models === undefined || matchesModel(this.#config.models, model)
  }

  /** Tells whether the server has the model. A model that the settings name counts as listed. */
  knowledgeOf(model: string): ModelKnowledge {
    const knowledge = this.#models.of(model)
    return knowledge === 'unknown' && this.#config.models !== undefined ? 'listed' : knowledge
  }

  /** Checks whether the server has refused the route as unknown a short time ago. */
  lacksRoute(path: string): boolean {
    return this.#routes.isMissing(path)
  }

  /** Checks whether the server, or its settings, list this very model. */
  lists(model: string): boolean {
    const { models = [] } = this.#config
    return this.#models.of(model) === 'listed' || (models.includes(model) && !model.includes('*'))
  }

  /** Checks for the same settings and files. */
  hasSettings(loaded: LoadedUpstream, { unhealthyAfter }: HealthCheckConfig): boolean {
    return isDeepStrictEqual(this.#settings, [loaded, unhealthyAfter])
  }

  acceptsTier(tier: SecurityTier): boolean {
    return (this.#config.tiers ?? ['standard']).includes(tier)
  }

  /**
   * Requests a completion. Records the answer, and failures of which the cause is certain; any other is
   * left to the caller.
   *
   * @throws UpstreamError
   */
  async complete(
    request: ChatRequest,
    signal: AbortSignal,
    context: EngineContext,
  ): Promise<Completion> {
    const visit = this.health.enter()
    try {
      const cacheSalt = (await this.#knowsCacheSalt(context)) ? context.cacheSalt : undefined
      const answer = await this.#server.complete(request, signal, { ...context, cacheSalt })
      this.health.recordAnswer(visit.startedAt)
      this.#models.recordAnswer(request.model)
      return { answer, upstream: this.name }
    } catch (error) {
      // A caller that disconnects says nothing about the server.
      if (error instanceof UpstreamError && !signal.aborted)
        this.#recordFailure(error, request, visit)
      throw error
    } finally {
      visit.leave()
    }
  }

  /**
   * Forwards a request, and records its answer once it has begun; failures as {@link Upstream.complete}
   * does. The request occupies the server until the answer is closed.
   *
   * @throws UpstreamError
   */
  async forward(
    request: RouteRequest,
    signal: AbortSignal,
    context: ForwardContext,
  ): Promise<RouteAnswer> {
    const visit = this.health.enter()
    try {
      const cacheSalt = (await this.#knowsCacheSalt(context)) ? context.cacheSalt : undefined
      const answer = await this.#server.forward(request, signal, { ...context, cacheSalt })
      this.health.recordAnswer(visit.startedAt)
      this.#models.recordAnswer(request.model)
      this.#routes.recordAnswer(request.path)
      let isClosed = false
      const close = (): void => {
        answer.close()
        if (!isClosed) visit.leave()
        isClosed = true
      }
      return { ...answer, upstream: this.name, close }
    } catch (error) {
      if (error instanceof UpstreamError && !signal.aborted) {
        this.#recordFailure(error, request, visit)
        if (error.kind === 'route') this.#routes.recordMissing(request.path)
      }
      visit.leave()
      throw error
    }
  }

  /** Checks that the server is present, and remembers its models. Never rejects. */
  async poll(): Promise<UpstreamPoll> {
    const { isPresent, reason, models } = await this.#server.poll()
    this.health.recordPoll(isPresent)
    if (models !== undefined) this.#models.recordList(models)
    const names = models?.names.filter((model) => this.serves(model)) ?? this.#configuredModels()
    return { isPresent, reason, models: names }
  }

  close(): Promise<void> {
    return this.#server.close()
  }

  /** Decides about the salt; before the first request, by the list of models. */
  async #knowsCacheSalt({ cacheSalt }: ForwardContext): Promise<boolean> {
    if (cacheSalt === undefined) return false
    if (this.#config.cacheSalt !== undefined) return this.#config.cacheSalt
    // Without it, the first requests after a start would share a cache.
    if (this.#models.owners === undefined) await (this.#firstPoll ??= this.poll())
    return this.#models.owners?.some((owner) => SALTED_OWNERS.includes(owner)) === true
  }

  #recordFailure(
    { kind, cause, retryAfterMs }: UpstreamError,
    { model }: Pick<ChatRequest, 'model'>,
    { startedAt }: Visit,
  ): void {
    if (kind === 'model') this.#models.recordMissing(model)
    else if (cause === 'server') this.health.recordFailure(startedAt)
    else if (cause === 'unclear') this.health.recordDoubt(retryAfterMs)
  }

  /** Models that the settings name in full, for a server without a list. */
  #configuredModels(): readonly string[] | undefined {
    const names = this.#config.models?.filter((pattern) => !pattern.includes('*')) ?? []
    return names.length > 0 ? names : undefined
  }
}
