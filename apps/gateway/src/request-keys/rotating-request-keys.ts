import { randomBytes, randomInt } from 'node:crypto'
import type { RequestKey } from '@nomyo/crypto/wire-2'
import type { FastifyBaseLogger } from 'fastify'
import { FailureReport } from '../observability/failure-report.js'
import type { Logger } from '../observability/log.js'
import {
  KEY_IDS,
  SECRET_BYTES,
  deriveGeneration,
  idsOf,
  type Generation,
  type GenerationSecret,
  type Kems,
} from './generation.js'
import type { PublishedKeys, RequestKeys } from './request-keys.js'
import type { Schedule } from './schedule.js'
import { createStatement, type StatementKeys, type StatementTerms } from './statement.js'
import type { RequestKeyStore } from './store/request-key-store.js'

/** Sources and terms of request keys. */
export interface RequestKeyOptions {
  readonly store: RequestKeyStore
  readonly kems: Kems
  readonly terms: StatementTerms
  /** Returns the keys that a statement names now. */
  readonly statementKeys: () => StatementKeys
  /** Discovers new identity keys; never rejects. */
  readonly refreshIdentities: (log: FastifyBaseLogger | undefined) => Promise<void>
  readonly schedule: Schedule
  /** Time from the discovery of a shared key to its listing, in milliseconds. */
  readonly leadMs: number
  readonly logger: Logger
}

/** As for server keys: other gateways find a key within one poll; the rest is for polls that come late. */
const POLLS_PER_LEAD = 3
/** Bounds the keys of a clock that jumps back and forth. */
const MAX_GENERATIONS = 12

/**
 * Request keys by the clock of this machine. A clock that jumps causes other keys to be listed, and no key
 * decrypts for longer than its life, by whichever clock that ends first. A failure of the store changes
 * nothing: held keys are used for as long as they live.
 */
export class RotatingRequestKeys implements RequestKeys {
  readonly #options: RequestKeyOptions
  #generations: readonly Generation[] = []
  #lastId: number | undefined
  #listed: Generation | undefined
  #published: PublishedKeys | undefined
  /** The other keys that the statement names, to find out whether they changed. */
  #publishedFor = ''
  #log: FastifyBaseLogger | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  /** Serializes renewals. */
  #busy: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  readonly #failures: FailureReport
  /** Latest failure of the store, by a clock that never jumps. */
  #failedAtMs = -Infinity

  private constructor(options: RequestKeyOptions) {
    this.#options = options
    const event = 'request keys cannot be renewed'
    this.#failures = new FailureReport(options.logger, event, 'ERR_INTERNAL')
  }

  /** Creates the first keys, or adopts those of the store. Where it fails, there are no keys at first. */
  static async open(options: RequestKeyOptions): Promise<RotatingRequestKeys> {
    const keys = new RotatingRequestKeys(options)
    await keys.refresh()
    return keys
  }

  opening(): readonly RequestKey[] {
    return this.#generations
      .filter((generation) => this.#lives(generation))
      .flatMap(({ keys }) => keys)
  }

  /** The latest statement, even if it has expired. */
  get latest(): PublishedKeys | undefined {
    return this.#published
  }

  published(): PublishedKeys | undefined {
    const isValid = this.#published !== undefined && Date.now() / 1000 < this.#published.expiresAt
    return isValid ? this.#published : undefined
  }

  refresh(): Promise<void> {
    // One that has not begun serves every request for one.
    if (this.#next !== undefined) return this.#next
    const renewal = this.#busy.then(async () => {
      this.#next = undefined
      try {
        await this.#renew()
        this.#failures.clear()
      } catch (error) {
        this.#failures.report(error, 'request keys cannot be renewed', this.#log)
      }
    })
    this.#next = renewal
    this.#busy = renewal
    return renewal
  }

  start(log: FastifyBaseLogger): void {
    this.#log = log
    const interval = this.#options.leadMs / POLLS_PER_LEAD
    this.#timer = setInterval(() => void this.refresh(), interval).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#busy
    for (const generation of this.#generations) dispose(generation)
    this.#generations = []
    this.#published = undefined
  }

  async #renew(): Promise<void> {
    this.#release()
    await this.#options.refreshIdentities(this.#log)
    try {
      await this.#obtain()
    } catch (error) {
      this.#failedAtMs = performance.now()
      throw error
    } finally {
      // Whatever failed: other keys may be due, and the keys that a statement names may have changed.
      await this.#publish()
    }
  }

  #lives({ period, discoveredAtMs }: Generation): boolean {
    return (
      Date.now() < this.#options.schedule.releaseOf(period) &&
      performance.now() - discoveredAtMs < this.#options.schedule.longestLifeMs
    )
  }

  #release(): void {
    const kept = this.#generations
      .filter((generation) => this.#lives(generation))
      .slice(-MAX_GENERATIONS)
    for (const generation of this.#generations) {
      if (!kept.includes(generation)) dispose(generation)
    }
    this.#generations = kept
  }

  /** Obtains the keys of this period and, shortly before its end, those of the next. */
  async #obtain(): Promise<void> {
    const { store, schedule } = this.#options
    const now = Date.now()
    const current = schedule.periodAt(now)
    const isNextDue = store.shared && now >= schedule.startOf(current + 1) - schedule.leadMs
    // Other gateways may have made earlier keys, and later ones by a clock that is ahead.
    const periods = [current - 2, current - 1, current, current + 1].filter(
      (period) => now < schedule.releaseOf(period),
    )
    const { secrets, failures } = await store.load(periods)
    for (const [period, secret] of secrets) await this.#adopt(period, secret)
    for (const period of isNextDue ? [current, current + 1] : [current]) {
      if (this.#has(period)) continue
      await this.#adopt(period, await store.add(period, this.#createSecret(period)))
    }
    // Last: keys that cannot be read do not prevent others.
    if (failures.length > 0) throw failures[0]
  }

  #has(period: number): boolean {
    return this.#generations.some((generation) => generation.period === period)
  }

  /** Adds keys. The store is authoritative: they replace those of the same period, and of the same ids. */
  async #adopt(period: number, secret: GenerationSecret): Promise<void> {
    const generation = await deriveGeneration(period, secret, this.#options.kems)
    const ids = new Set(generation.keys.map(({ id }) => id))
    const replaced = this.#generations.filter(
      (other) => other.period === period || other.keys.some(({ id }) => ids.has(id)),
    )
    this.#generations = [
      ...this.#generations.filter((other) => !replaced.includes(other)),
      generation,
    ]
    this.#lastId = generation.id
    replaced.forEach(dispose)
  }

  /** The first id is random, each later one is the next that no live key has. */
  #createSecret(period: number): GenerationSecret {
    const used = new Set(this.#generations.flatMap(({ keys }) => keys.map(({ id }) => id)))
    const before = this.#generations.find((generation) => generation.period === period - 1)
    const last = before?.id ?? this.#lastId
    let id = last === undefined ? randomInt(KEY_IDS) : nextId(last)
    while (idsOf(id).some((one) => used.has(one))) id = nextId(id)
    return { id, secret: new Uint8Array(randomBytes(SECRET_BYTES)), createdAtMs: Date.now() }
  }

  /** Makes the statement anew where the listed keys, or others that it names, have changed. */
  async #publish(): Promise<void> {
    const listed = this.#choose()
    if (listed === undefined) return
    const keys = this.#options.statementKeys()
    const identities = keys.identities.map(({ fingerprint }) => fingerprint)
    const input = JSON.stringify([keys.rsaKeys, identities])
    if (listed === this.#listed && input === this.#publishedFor) return
    this.#published = await createStatement(
      listed,
      keys,
      this.#options.terms,
      this.#options.schedule,
    )
    this.#publishedFor = input
    if (this.#listed !== listed) {
      this.#log?.info({ statement: this.#published.sha256 }, 'request keys rotated')
    }
    this.#listed = listed
  }

  /**
   * Chooses the newest keys whose period has begun and that every gateway has found. Keys that not every
   * gateway may have are chosen only where there are no others.
   */
  #choose(): Generation | undefined {
    const now = Date.now()
    const valid = this.#generations
      .filter(({ period }) => this.#options.schedule.startOf(period) <= now)
      .filter(({ period }) => now < this.#options.schedule.endOf(period))
      .sort((a, b) => a.period - b.period)
    const found = valid.findLast((generation) => this.#isFound(generation))
    const listed = valid.find((generation) => generation === this.#listed)
    return found ?? listed ?? valid.at(-1)
  }

  /** Checks whether every gateway had the time to find keys. After a failure, others may have failed too. */
  #isFound({ createdAtMs, discoveredAtMs }: Generation): boolean {
    const { store, leadMs } = this.#options
    if (!store.shared) return true
    const lead = leadMs * ((POLLS_PER_LEAD - 0.5) / POLLS_PER_LEAD)
    const now = performance.now()
    // The second is for a gateway that starts: its clock may be another one, and storing takes time.
    const isOld = now - discoveredAtMs >= lead || Date.now() - createdAtMs >= 2 * lead
    return isOld && now - this.#failedAtMs >= lead
  }
}

const nextId = (id: number): number => (id + 1) % KEY_IDS

function dispose({ keys }: Generation): void {
  for (const key of keys) key.dispose()
}
