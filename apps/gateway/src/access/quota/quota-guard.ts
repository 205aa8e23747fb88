import { HttpError } from '../../http-error.js'
import type { CompletionObserver, CompletionRecord } from '../../observability/completion-record.js'
import type { RouteName } from '../../request-keys/statement.js'
import type { WaitBudget } from '../../redis/wait-budget.js'
import type { Identity } from '../api-keys/authenticate.js'
import {
  LocalQuotaCounter,
  increment,
  quotaUses,
  type QuotaCounter,
  type QuotaUse,
} from './quota-counter.js'
import type { Quotas, QuotaUnit } from './quota.js'

/** Settings of a {@link QuotaGuard}. */
export interface QuotaGuardOptions {
  /** For callers without a quota of their own. Default: none. */
  readonly quotas?: Quotas | undefined
  /** Default: counts in this process. */
  readonly counter?: QuotaCounter | undefined
  /** Returns the time in milliseconds since 1970. Default: the clock of the system. */
  readonly now?: (() => number) | undefined
}

/** Used part of a quota, as far as this gateway knows. */
export interface QuotaState {
  /** Name of the API key. */
  readonly key: string
  readonly unit: QuotaUnit
  /** Used amount relative to the limit; above 1 after an overshoot. */
  readonly ratio: number
}

/** Caller with quotas, and their latest uses. */
interface KnownCaller {
  readonly identity: Identity
  readonly uses: Map<QuotaUnit, QuotaUse & { readonly used: number }>
}

const RETRY_AFTER_S = 5
/** More than a file of keys has. */
const MAX_CALLERS = 20_000
/** Base64 and padding included, some 4 bytes of text. */
const ENVELOPE_BYTES_PER_TOKEN = 5
/** Far above every context: a faulty report must not make sums inexact. */
const MAX_TOKENS = 1_000_000_000

/**
 * Quotas of API keys. A request counts when it is admitted, tokens when the request has ended: requests
 * in flight may exceed a quota of tokens.
 */
export class QuotaGuard implements CompletionObserver {
  readonly #counter: QuotaCounter
  readonly #now: () => number
  #quotas: Quotas
  /** By name of the key, the latest last. */
  readonly #callers = new Map<string, KnownCaller>()

  constructor({ quotas = {}, counter, now = Date.now }: QuotaGuardOptions) {
    this.#quotas = quotas
    this.#counter = counter ?? new LocalQuotaCounter()
    this.#now = now
  }

  /** Replaces the quotas for callers without one of their own. */
  setDefault(quotas: Quotas): void {
    this.#quotas = quotas
  }

  /**
   * Counts a request of a caller.
   *
   * @param wait - what remains of the time that the request waits for Redis
   * @throws HttpError 429 when a quota is exhausted, 503 when counting fails
   */
  async admit(caller: Identity, wait?: WaitBudget): Promise<void> {
    const uses = this.#usesOf(caller)
    if (uses.length === 0) return
    const known = this.#remember(caller)
    const used = await this.#counter.admit(uses, wait).catch(() => {
      throw new HttpError(
        503,
        'This gateway cannot count requests at the moment',
        RETRY_AFTER_S,
        'state_unavailable',
      )
    })
    const exhausted = uses.filter((use, at) => (used[at] ?? 0) >= use.limit)
    uses.forEach((use, at) => {
      const counted = exhausted.length === 0 ? increment(use) : 0
      known.uses.set(use.unit, { ...use, used: (used[at] ?? 0) + counted })
    })
    if (exhausted.length === 0) return
    const endMs = Math.max(...exhausted.map(({ window }) => window.endMs))
    const seconds = Math.max(1, Math.ceil((endMs - this.#now()) / 1000))
    throw new HttpError(
      429,
      'The quota of this API key is exhausted',
      seconds,
      'insufficient_quota',
    )
  }

  completed(record: CompletionRecord): void {
    const caller = this.#callers.get(record.keyName ?? '')
    const tokens = tokensOf(record)
    if (caller !== undefined && tokens > 0) void this.#countTokens(caller, tokens)
  }

  /** Returns the used part of all quotas that were in use in their present window. */
  states(): readonly QuotaState[] {
    const now = this.#now()
    return [...this.#callers.values()]
      .flatMap(({ uses }) => [...uses.values()])
      .filter(({ window }) => window.endMs > now)
      .map(({ key, unit, used, limit }) => ({ key, unit, ratio: used / limit }))
  }

  async #countTokens({ identity, uses }: KnownCaller, tokens: number): Promise<void> {
    const use = this.#usesOf(identity).find(({ unit }) => unit === 'tokens')
    if (use === undefined) return
    uses.set('tokens', { ...use, used: await this.#counter.add(use, tokens) })
  }

  #remember(identity: Identity): KnownCaller {
    const name = identity.keyName ?? ''
    const caller = { identity, uses: this.#callers.get(name)?.uses ?? new Map() }
    this.#callers.delete(name)
    this.#callers.set(name, caller)
    const [oldest] = this.#callers.keys()
    if (oldest !== undefined && this.#callers.size > MAX_CALLERS) this.#callers.delete(oldest)
    return caller
  }

  #usesOf({ keyName, quotas }: Identity): readonly QuotaUse[] {
    if (keyName === undefined) return []
    return quotaUses(keyName, { own: quotas, general: this.#quotas }, this.#now())
  }
}

/**
 * Returns the tokens that a request counts: those that the model server reports; an estimate by size
 * where it reports none, or the caller has disconnected meanwhile; none where no model worked. A report before
 * the end of a stream may be one of its beginning: its events count in any case.
 */
function tokensOf(record: CompletionRecord): number {
  const { outcome, steps, stream } = record
  const reported = reportedTokens(record)
  const isCut = stream?.kind === 'events' && stream.end !== 'complete'
  if (reported !== undefined && !isCut) return reported
  // Filling multiplies the size of a stream; each of its events has a token or more.
  if (stream?.kind === 'events') {
    const promptTokens = record.usage?.promptTokens ?? 0
    const sent = textBytes({ ...record, bytesOut: 0 }) / ENVELOPE_BYTES_PER_TOKEN
    const ofPrompt = promptTokens > 0 ? promptTokens : sent
    return Math.max(reported ?? 0, Math.ceil(ofPrompt) + stream.parts)
  }
  const answered = outcome === 'ok' || outcome === 'disconnected'
  if (!answered || steps.upstream === undefined) return 0
  return Math.ceil(textBytes(record) / ENVELOPE_BYTES_PER_TOKEN)
}

function reportedTokens({ usage = {} }: CompletionRecord): number | undefined {
  const { promptTokens, completionTokens, totalTokens } = usage
  const parts = [promptTokens, completionTokens].filter((part) => part !== undefined)
  const sum = parts.length > 0 ? parts.reduce((one, other) => one + other, 0) : undefined
  const reported = totalTokens ?? sum
  return reported === undefined ? undefined : Math.min(reported, MAX_TOKENS)
}

/** Routes whose requests, or answers, are mostly no text: sound, pictures, and numbers. */
const NO_TEXT: Readonly<Partial<Record<RouteName, { in?: true; out?: true }>>> = {
  'POST /v1/embeddings': { out: true },
  'POST /v1/images/generations': { out: true },
  'POST /v1/audio/speech': { out: true },
  'POST /v1/audio/transcriptions': { in: true },
  'POST /v1/audio/translations': { in: true },
}

/** Returns the encrypted size of what is text in a request and its answer. */
function textBytes({
  endpoint,
  bytesIn,
  bytesOut,
}: Pick<CompletionRecord, 'endpoint' | 'bytesIn' | 'bytesOut'>): number {
  const without = endpoint && NO_TEXT[endpoint]
  return (without?.in ? 0 : bytesIn) + (without?.out ? 0 : bytesOut)
}
