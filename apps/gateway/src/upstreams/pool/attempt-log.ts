import type { FastifyBaseLogger } from 'fastify'

/** Failed attempt as the log names it: an error code, or the status of an answer. */
export interface FailedAttempt {
  readonly upstream: string
  readonly kind: string
  readonly reason: string | number
  /** Remark beside the reason, of a fixed text. */
  readonly note?: string | undefined
  readonly ms: number
  /** Number of the attempt for this request, from 1; undefined for a health check. */
  readonly attempt?: number
}

const SUMMARY_MS = 60_000
/** Above the number of upstreams and reasons that occur. Further ones are logged singly. */
const MAX_OUTAGES = 2000

interface Outage {
  readonly facts: object
  repeated: number
  readonly timer: ReturnType<typeof setTimeout>
}

/**
 * Log of failed attempts: the first of an upstream for a reason at once, further ones as one line a
 * minute with their number. It ends with the first minute without a failure.
 */
export class AttemptLog {
  readonly #outages = new Map<string, Outage>()
  #log: FastifyBaseLogger | undefined

  start(log: FastifyBaseLogger): void {
    this.#log = log
  }

  record({ upstream, kind, reason, note, ms, attempt }: FailedAttempt): void {
    const facts = {
      upstream,
      kind,
      ...reasonFacts(reason),
      ...(note === undefined ? {} : { note }),
    }
    const key = JSON.stringify(facts)
    const outage = this.#outages.get(key)
    if (outage !== undefined) {
      outage.repeated++
      return
    }
    const attemptFacts = attempt === undefined ? {} : { attempt }
    this.#log?.warn({ ...facts, ms: Math.round(ms), ...attemptFacts }, 'no answer from upstream')
    if (this.#outages.size < MAX_OUTAGES) this.#watch(key, facts)
  }

  /** Writes what was counted, and stops. */
  close(): void {
    for (const outage of this.#outages.values()) {
      clearTimeout(outage.timer)
      this.#summarise(outage)
    }
    this.#outages.clear()
  }

  #watch(key: string, facts: object): void {
    const timer = setTimeout(() => {
      this.#outages.delete(key)
      if (outage.repeated === 0) return
      this.#summarise(outage)
      this.#watch(key, facts)
    }, SUMMARY_MS).unref()
    const outage: Outage = { facts, repeated: 0, timer }
    this.#outages.set(key, outage)
  }

  #summarise({ facts, repeated }: Outage): void {
    if (repeated > 0) this.#log?.warn({ ...facts, repeated }, 'still no answer from upstream')
  }
}

const reasonFacts = (reason: string | number): object =>
  typeof reason === 'number' ? { status: reason } : { code: reason }
