import type { FastifyBaseLogger } from 'fastify'
import { notAllowed, type SecurityTier } from '../access/tier-policy.js'
import { errorObject } from '../confidential-refusal.js'
import { HttpError } from '../http-error.js'
import type { ChatRequest } from '../completion/chat-request.js'
import type { Completion, Engine, EngineContext, UpstreamState } from './engine.js'
import { mergeModelNames } from './model-names.js'
import { UpstreamError } from './upstream-error.js'
import { UpstreamRefusal } from './upstream-refusal.js'
import { Upstream, type UpstreamConfig } from './upstream.js'

/** Health checks of several model servers. */
export interface HealthCheckConfig {
  /** Interval between polls of `GET /models`, in milliseconds. Default 10 000. */
  readonly intervalMs?: number | undefined
  /** Consecutive failures, of polls and requests, until a server is unhealthy; one success is enough to recover. Default 3. */
  readonly unhealthyAfter?: number | undefined
}

const INTERVAL_MS = 10_000
const UNHEALTHY_AFTER = 3
const RETRY_AFTER_BUSY_S = 1

/**
 * Several model servers as one engine. Requests go to the least loaded healthy server, and to another
 * one only if nothing of an answer was received. Unhealthy servers are used when no other is left: they
 * may have recovered, and a refusal would not help.
 */
export class UpstreamPool implements Engine {
  /** In the order of their last use: among equally loaded servers, the first one is chosen. */
  #upstreams: readonly Upstream[]
  readonly #intervalMs: number
  #poll: ReturnType<typeof setTimeout> | undefined
  #log: FastifyBaseLogger | undefined
  #closed = false

  constructor(upstreams: readonly UpstreamConfig[], health: HealthCheckConfig = {}) {
    const unhealthyAfter = health.unhealthyAfter ?? UNHEALTHY_AFTER
    this.#intervalMs = health.intervalMs ?? INTERVAL_MS
    this.#upstreams = upstreams.map(
      (config) =>
        new Upstream(config, unhealthyAfter, ({ name, healthy }) => {
          if (healthy) this.#log?.info({ upstream: name }, 'upstream has recovered')
          else this.#log?.warn({ upstream: name }, 'upstream is unhealthy')
        }),
    )
  }

  start(log: FastifyBaseLogger): void {
    this.#log = log
    // A single server is used whether it is healthy or not.
    if (this.#upstreams.length > 1) void this.#pollAll()
  }

  async complete(
    request: ChatRequest,
    signal: AbortSignal,
    context: EngineContext,
  ): Promise<Completion> {
    const untried = new Set(this.#candidates(request.model, context.tier))
    let refusal = new HttpError(503, 'The inference backend is busy', RETRY_AFTER_BUSY_S)
    for (;;) {
      const upstream = this.#leastLoaded(untried)
      if (upstream === undefined) throw refusal
      untried.delete(upstream)
      try {
        return await upstream.complete(request, signal, context)
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error
        if (!error.retryable || signal.aborted) throw error.refusal
        this.#log?.warn(
          { upstream: upstream.name, status: error.refusal.statusCode },
          'no answer from upstream',
        )
        refusal = error.refusal
      }
    }
  }

  async models(): Promise<readonly string[]> {
    const healthy = this.#upstreams.filter((upstream) => upstream.healthy)
    const asked = healthy.length > 0 ? healthy : this.#upstreams
    const answers = await Promise.allSettled(asked.map((upstream) => upstream.models()))
    const lists = answers.filter((answer) => answer.status === 'fulfilled')
    if (lists.length === 0) throw new HttpError(503, 'Inference backend is unavailable')
    return mergeModelNames(lists.map(({ value }) => value))
  }

  upstreams(): readonly UpstreamState[] {
    return this.#upstreams
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#poll)
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()))
  }

  #candidates(model: string, tier: SecurityTier): readonly Upstream[] {
    const serving = this.#upstreams.filter((upstream) => upstream.serves(model))
    if (serving.length === 0) {
      throw new UpstreamRefusal(
        errorObject(404, {
          message: `The model ${model} does not exist.`,
          type: 'invalid_request_error',
          param: 'model',
          code: 'model_not_found',
        }),
      )
    }
    const candidates = serving.filter((upstream) => upstream.acceptsTier(tier))
    if (candidates.length === 0) throw notAllowed(model, tier)
    return candidates
  }

  #leastLoaded(among: ReadonlySet<Upstream>): Upstream | undefined {
    const free = this.#upstreams.filter((upstream) => among.has(upstream) && !upstream.full)
    const healthy = free.filter((upstream) => upstream.healthy)
    const [first, ...others] = healthy.length > 0 ? healthy : free
    if (first === undefined) return undefined
    const chosen = others.reduce((least, other) => (other.load < least.load ? other : least), first)
    this.#upstreams = [...this.#upstreams.filter((upstream) => upstream !== chosen), chosen]
    return chosen
  }

  async #pollAll(): Promise<void> {
    await Promise.allSettled(this.#upstreams.map((upstream) => upstream.models()))
    if (this.#closed) return
    this.#poll = setTimeout(() => void this.#pollAll(), this.#intervalMs).unref()
  }
}
