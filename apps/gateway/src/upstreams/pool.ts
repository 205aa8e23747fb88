import type { FastifyBaseLogger } from 'fastify'
import { HttpError } from '../http-error.js'
import type { SecurityTier } from '../access/security-tier.js'
import { notAllowed } from '../access/tier-policy.js'
import type { WaitingCaller } from '../http/disconnect-signal.js'
import type { ChatRequest, Engine, UpstreamState } from './engine.js'
import { mergeModelNames } from './model-names.js'
import { UpstreamFault } from './upstream-error.js'
import { Upstream, type UpstreamConfig } from './upstream.js'

/** How the health of upstreams is watched. */
export interface HealthCheckConfig {
  /** From one look at `GET /models` to the next, in milliseconds. Default 10 000. */
  readonly intervalMs?: number | undefined
  /** Failures in a row, of checks and requests, that make one unhealthy; one success makes it well. Default 3. */
  readonly unhealthyAfter?: number | undefined
}

const INTERVAL_MS = 10_000
const UNHEALTHY_AFTER = 3
const RETRY_AFTER_BUSY_S = 1

/**
 * Several model servers as one engine. The least loaded healthy one is asked; another in its place
 * only if nothing of an answer was received. Unhealthy ones are asked when there is nobody else:
 * they may be back, and refusing would help no one.
 */
export class UpstreamPool implements Engine {
  readonly name = 'upstreams'
  /** Of equally loaded ones the first here is asked: the one that was last asked longest ago. */
  #upstreams: readonly Upstream[]
  readonly #intervalMs: number
  #check: ReturnType<typeof setTimeout> | undefined
  #log: FastifyBaseLogger | undefined
  #closed = false

  constructor(upstreams: readonly UpstreamConfig[], health: HealthCheckConfig = {}) {
    const unhealthyAfter = health.unhealthyAfter ?? UNHEALTHY_AFTER
    this.#intervalMs = health.intervalMs ?? INTERVAL_MS
    this.#upstreams = upstreams.map(
      (config) =>
        new Upstream(config, unhealthyAfter, ({ name, healthy }) => {
          if (healthy) this.#log?.info({ upstream: name }, 'upstream is well again')
          else this.#log?.warn({ upstream: name }, 'upstream is unhealthy')
        }),
    )
  }

  start(log: FastifyBaseLogger): void {
    this.#log = log
    // One alone is asked whether it is well or not.
    if (this.#upstreams.length > 1) void this.#checkAll()
  }

  async complete(
    request: ChatRequest,
    caller: WaitingCaller,
    tier: SecurityTier,
  ): Promise<Record<string, unknown>> {
    const untried = new Set(this.#candidates(request.model, tier))
    let refusal = new HttpError(503, 'The inference backend is busy', RETRY_AFTER_BUSY_S)
    for (;;) {
      const upstream = this.#leastLoaded(untried)
      if (upstream === undefined) throw refusal
      untried.delete(upstream)
      try {
        return await upstream.complete(request, caller)
      } catch (error) {
        if (!(error instanceof UpstreamFault)) throw error
        if (!error.unanswered || caller.hasGone()) throw error.refusal
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
    clearTimeout(this.#check)
    await Promise.all(this.#upstreams.map((upstream) => upstream.close()))
  }

  #candidates(model: string, tier: SecurityTier): readonly Upstream[] {
    const serving = this.#upstreams.filter((upstream) => upstream.serves(model))
    if (serving.length === 0) {
      throw new HttpError(400, 'The inference backend does not have this model')
    }
    const marked = serving.filter((upstream) => upstream.isMarkedFor(tier))
    if (marked.length === 0) {
      throw notAllowed()
    }
    return marked
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

  async #checkAll(): Promise<void> {
    await Promise.allSettled(this.#upstreams.map((upstream) => upstream.models()))
    if (this.#closed) return
    this.#check = setTimeout(() => void this.#checkAll(), this.#intervalMs).unref()
  }
}
