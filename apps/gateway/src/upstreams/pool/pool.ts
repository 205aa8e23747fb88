import type { FastifyBaseLogger } from 'fastify'
import { notAllowed } from '../../access/policy/tier-policy.js'
import { errorObject } from '../../confidential-refusal.js'
import { HttpError } from '../../http-error.js'
import { AttemptLog } from './attempt-log.js'
import type { ChatRequest } from '../../completion/chat-request.js'
import type { Completion, Engine, EngineContext, ForwardContext, UpstreamState } from '../engine.js'
import type { RouteAnswer, RouteRequest } from '../route.js'
import { monotonicNow, type HealthCheckConfig } from './health.js'
import { mergeModelNames } from '../server/model-names.js'
import { watchAnswer } from './watch-answer.js'
import { UpstreamError, type FailureKind } from '../server/upstream-error.js'
import { UpstreamRefusal } from '../server/upstream-refusal.js'
import { Upstream, loadUpstream, type UpstreamConfig } from './upstream.js'

/** Model servers of a pool, and their health checks. */
export interface PoolConfig {
  readonly upstreams: readonly UpstreamConfig[]
  readonly health?: HealthCheckConfig | undefined
}

/** Surroundings of a pool. */
export interface PoolOptions {
  /** Receives the result of every attempt at a model server. */
  readonly onAttempt?: ((upstream: string, result: 'answered' | FailureKind) => void) | undefined
  /** Monotonic clock, in milliseconds. */
  readonly now?: (() => number) | undefined
}

/** Change of the model servers of a pool, checked and not yet made. */
export interface PoolUpdate {
  /** Names of the servers by what happens to them; those in no list stay as they are. */
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** Makes the change. Requests in progress finish where they are. */
  commit(): void
}

const CHAT_PATH = '/chat/completions'
const INTERVAL_MS = 10_000
const RETRY_AFTER_BUSY_S = 1
/** A request that every server fails must not try the whole fleet. */
const MAX_ATTEMPTS = 2
/** After this time, a second attempt would come too late for most callers. */
const TRY_ANOTHER_WITHIN_MS = 30_000

interface Failure {
  readonly startedAt: number
  readonly upstream: Upstream
  readonly error: UpstreamError
}

/**
 * Several model servers as one engine. Requests go to the least loaded server among those that have the
 * model and are ready, and at most once to another one. Servers that are not ready are used when no other
 * is left: they may have recovered, and a refusal would not help.
 *
 * A failure that the request may have caused counts against a server only when another server answers
 * the same request: a request that every server fails condemns none.
 */
export class UpstreamPool implements Engine {
  #upstreams: readonly Upstream[]
  #uses = 0
  /** Those whose change of health is logged. */
  readonly #unhealthy = new WeakSet<Upstream>()
  #intervalMs: number
  readonly #onAttempt: NonNullable<PoolOptions['onAttempt']>
  readonly #now: () => number
  readonly #attempts = new AttemptLog()
  /** Servers that were removed and finish their requests. */
  readonly #closing = new Set<Promise<void>>()
  #poll: ReturnType<typeof setTimeout> | undefined
  #log: FastifyBaseLogger | undefined
  #closed = false

  /** @throws GatewayError `ERR_CA_FILE` */
  constructor(
    { upstreams, health = {} }: PoolConfig,
    { onAttempt = () => undefined, now = monotonicNow }: PoolOptions = {},
  ) {
    this.#onAttempt = onAttempt
    this.#now = now
    this.#intervalMs = health.intervalMs ?? INTERVAL_MS
    this.#upstreams = upstreams.map((config) => new Upstream(loadUpstream(config), health, now))
  }

  start(log: FastifyBaseLogger): void {
    this.#log = log
    this.#attempts.start(log)
    this.#startPolls()
  }

  complete(request: ChatRequest, signal: AbortSignal, context: EngineContext): Promise<Completion> {
    const asked = { model: request.model, path: CHAT_PATH, canRepeat: undefined }
    return this.#attempt(asked, signal, context, (upstream) =>
      upstream.complete(request, signal, context),
    )
  }

  forward(
    request: RouteRequest,
    signal: AbortSignal,
    context: ForwardContext,
  ): Promise<RouteAnswer> {
    return this.#attempt(request, signal, context, async (upstream) => {
      const startedAt = this.#now()
      const answer = await upstream.forward(request, signal, context)
      return watchAnswer(answer, (error) => {
        // A caller that disconnects says nothing about the server, nor does a request that is at fault.
        if (signal.aborted || error.cause === 'request') return
        const { kind, reason, note } = error
        upstream.health.recordDoubt(error.retryAfterMs)
        this.#attempts.record({
          ...{ upstream: upstream.name, kind, reason, note: note ?? 'within an answer' },
          ms: this.#now() - startedAt,
        })
        this.#reportHealth(upstream)
      })
    })
  }

  /** Asks one model server, and at most one other. */
  async #attempt<Answer>(
    request: Pick<RouteRequest, 'model' | 'path' | 'canRepeat'>,
    signal: AbortSignal,
    context: ForwardContext,
    ask: (upstream: Upstream) => Promise<Answer>,
  ): Promise<Answer> {
    const candidates = this.#candidates(request.model, context.tier)
    const failures: Failure[] = []
    const startedAt = this.#now()
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const upstream = this.#choose(candidates, failures, request)
      if (upstream === undefined) break
      context.observation.upstream = upstream.name
      const attemptAt = this.#now()
      try {
        const answer = await ask(upstream)
        this.#onAttempt(upstream.name, 'answered')
        this.#reportHealth(upstream)
        // The request is fine, so that the server which failed it is not.
        for (const failure of failures) this.#condemn(failure)
        return answer
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error
        if (signal.aborted) throw error.refusal
        const failure = { upstream, error, startedAt: attemptAt }
        failures.push(failure)
        this.#reportFailure(upstream, error, { ms: this.#now() - attemptAt, attempt })
        // There is no other server to compare with, nor one to prefer.
        if (this.#upstreams.length === 1) this.#condemn(failure)
        this.#reportHealth(upstream)
        const mayRepeat = error.tryAnother && request.canRepeat?.() !== false
        if (!mayRepeat || this.#now() - startedAt > TRY_ANOTHER_WITHIN_MS) break
      }
    }
    throw refusalOf(failures, candidates)
  }

  async models(): Promise<readonly string[]> {
    const healthy = this.#upstreams.filter((upstream) => upstream.healthy)
    const asked = healthy.length > 0 ? healthy : this.#upstreams
    const lists = await Promise.all(asked.map((upstream) => this.#pollOne(upstream)))
    const known = lists.filter((list) => list !== undefined)
    if (known.length === 0) throw unavailable()
    return mergeModelNames(known)
  }

  upstreams(): readonly UpstreamState[] {
    return this.#upstreams
  }

  lists(model: string): boolean {
    return this.#upstreams.some((upstream) => upstream.lists(model))
  }

  /**
   * Prepares a change of the model servers. Servers with the same settings and files keep their
   * connections, their health and what is known of their models.
   *
   * @throws GatewayError `ERR_CA_FILE`, and nothing has changed
   */
  prepare({ upstreams, health = {} }: PoolConfig): PoolUpdate {
    const before = this.#upstreams
    const next = upstreams.map((config) => {
      const loaded = loadUpstream(config)
      const same = before.find((upstream) => upstream.hasSettings(loaded, health))
      return same ?? new Upstream(loaded, health, this.#now)
    })
    const names = (list: readonly Upstream[]): readonly string[] => list.map(({ name }) => name)
    const came = names(next.filter((upstream) => !before.includes(upstream)))
    const went = names(before.filter((upstream) => !next.includes(upstream)))
    return {
      added: came.filter((name) => !went.includes(name)),
      changed: came.filter((name) => went.includes(name)),
      removed: went.filter((name) => !came.includes(name)),
      commit: () => {
        this.#intervalMs = health.intervalMs ?? INTERVAL_MS
        const dropped = this.#upstreams.filter((upstream) => !next.includes(upstream))
        this.#upstreams = next
        for (const upstream of dropped) this.#retire(upstream)
        clearTimeout(this.#poll)
        this.#startPolls()
      },
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#poll)
    await Promise.all([...this.#closing, ...this.#upstreams.map((upstream) => upstream.close())])
    this.#attempts.close()
  }

  #candidates(model: string, tier: ForwardContext['tier']): readonly Upstream[] {
    const serving = this.#upstreams.filter((upstream) => upstream.serves(model))
    if (serving.length === 0) throw noSuchModel(model)
    const candidates = serving.filter((upstream) => upstream.acceptsTier(tier))
    if (candidates.length === 0) throw notAllowed(model, tier)
    return candidates
  }

  /**
   * Chooses the next server for a request: one that is ready and has the model, with the least load. The
   * second attempt goes to the one with the fewest failures, whose answer shows who is at fault.
   */
  #choose(
    candidates: readonly Upstream[],
    failures: readonly Failure[],
    { model, path }: Pick<RouteRequest, 'model' | 'path'>,
  ): Upstream | undefined {
    const untried = candidates.filter(
      (candidate) => !failures.some(({ upstream }) => upstream === candidate),
    )
    // One that has neither model nor route is no substitute for one that is full.
    const having = untried.filter(
      (upstream) => upstream.knowledgeOf(model) !== 'missing' && !upstream.lacksRoute(path),
    )
    const free = (having.length > 0 ? having : untried).filter((upstream) => !upstream.full)
    const preference = (upstream: Upstream): readonly number[] => [
      upstream.health.standing,
      failures.length > 0 ? upstream.health.suspicion : 0,
      upstream.knowledgeOf(model) === 'listed' ? 0 : 1,
      upstream.load,
      upstream.lastUse,
    ]
    const [first, ...others] = free.map((upstream) => ({ upstream, by: preference(upstream) }))
    if (first === undefined) return undefined
    const { upstream } = others.reduce(
      (best, other) => (isBefore(other.by, best.by) ? other : best),
      first,
    )
    upstream.lastUse = ++this.#uses
    return upstream
  }

  /** Counts a failure against a server, after another one has answered the same request. */
  #condemn({ upstream, error, startedAt }: Failure): void {
    // A busy server works, and other causes are certain.
    if (error.cause !== 'unclear' || error.kind === 'busy') return
    upstream.health.recordFailure(startedAt)
    this.#reportHealth(upstream)
  }

  #reportFailure(
    { name }: Upstream,
    { kind, reason, note }: UpstreamError,
    facts: { readonly ms: number; readonly attempt: number },
  ): void {
    this.#onAttempt(name, kind)
    // The request is at fault, and the access log has its status.
    if (kind !== 'refused') this.#attempts.record({ upstream: name, kind, reason, note, ...facts })
  }

  /** Logs a change of health. */
  #reportHealth(upstream: Upstream): void {
    const { name, healthy } = upstream
    if (healthy && this.#unhealthy.delete(upstream)) {
      this.#log?.info({ upstream: name }, 'upstream has recovered')
    }
    if (!healthy && !this.#unhealthy.has(upstream)) {
      this.#unhealthy.add(upstream)
      this.#log?.warn({ upstream: name }, 'upstream is unhealthy')
    }
  }

  async #pollOne(upstream: Upstream): Promise<readonly string[] | undefined> {
    const startedAt = this.#now()
    const { isPresent, reason, models } = await upstream.poll()
    const facts = { upstream: upstream.name, kind: 'poll', reason, ms: this.#now() - startedAt }
    // The connections of one that was removed meanwhile are closed, which says nothing about it.
    if (this.#closed || !this.#upstreams.includes(upstream)) return models
    if (!isPresent) this.#attempts.record(facts)
    this.#reportHealth(upstream)
    return models
  }

  #startPolls(): void {
    if (this.#log === undefined) return
    // A single server is used whether it is healthy or not: its polls are for monitoring.
    if (this.#upstreams.length > 1) void this.#pollAll(this.#upstreams)
    else this.#pollLater(this.#upstreams)
  }

  async #pollAll(polled: readonly Upstream[]): Promise<void> {
    await Promise.all(polled.map((upstream) => this.#pollOne(upstream)))
    if (!this.#closed && polled === this.#upstreams) this.#pollLater(polled)
  }

  #pollLater(polled: readonly Upstream[]): void {
    this.#poll = setTimeout(() => void this.#pollAll(polled), this.#intervalMs).unref()
  }

  #retire(upstream: Upstream): void {
    const closing = upstream.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

const isBefore = (one: readonly number[], other: readonly number[]): boolean => {
  const at = one.findIndex((value, index) => value !== other[index])
  return at !== -1 && Number(one[at]) < Number(other[at])
}

/** Chooses the failure that the caller receives: any other one tells more than that one server lacks the model or the route. */
function refusalOf(failures: readonly Failure[], candidates: readonly Upstream[]): HttpError {
  const isMissing = ({ error: { kind } }: Failure): boolean => kind === 'model' || kind === 'route'
  const telling = failures.filter((failure) => !isMissing(failure)).at(-1) ?? failures.at(-1)
  const isFullElsewhere = candidates.some(
    (candidate) => candidate.full && !failures.some(({ upstream }) => upstream === candidate),
  )
  if (telling === undefined || (isMissing(telling) && isFullElsewhere)) return busy()
  return telling.error.refusal
}

const busy = (): HttpError =>
  new HttpError(503, 'The inference backend is busy', RETRY_AFTER_BUSY_S, 'upstream_busy')

const unavailable = (): HttpError =>
  new HttpError(503, 'Inference backend is unavailable', undefined, 'upstream_unavailable')

const noSuchModel = (model: string): HttpError =>
  new UpstreamRefusal(
    errorObject(404, {
      message: `The model ${model} does not exist.`,
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    }),
  )
