import { KeyRing, SecurityError } from '@nomyo/crypto'
import type { FastifyBaseLogger } from 'fastify'
import { FailureReport } from '../observability/failure-report.js'
import type { Logger } from '../observability/log.js'
import type { ServerKeyStore, StoredKey } from './key-store.js'

/** Schedule of key rotation. */
export interface KeySchedule {
  /** Age at which the next key is created, in milliseconds. Default: no automatic rotation. */
  readonly rotationMs: number | undefined
  /** Time for which the previous key still decrypts, in milliseconds. */
  readonly overlapMs: number
  /** Time from the discovery of a key to its publication, in milliseconds. */
  readonly leadMs: number
}

/**
 * Polls of the store within a lead: a key of another process decrypts after one poll and is published
 * at the third. Other gateways find it within one poll; the rest is for polls that come late.
 */
const POLLS_PER_LEAD = 3
/** Pause after a failed rotation, so that a full disk does not cost a new key at every poll. */
const RETRY_AFTER_MS = 60_000

/** Key that decrypts and is not published yet. */
interface PendingKey extends StoredKey {
  /** Discovery, or the first poll after a failure; by a clock that never jumps. */
  discoveredAtMs: number
}

/**
 * The keys in use. The store is authoritative: its newest key decrypts from its discovery and is
 * published a lead later, when every gateway with this store decrypts with it. The previous key still
 * decrypts for the overlap and is then removed. A failure to read changes nothing.
 */
export class ServerKeys {
  readonly ring: KeyRing
  readonly #store: ServerKeyStore
  readonly #schedule: KeySchedule
  readonly #logger: Logger
  readonly #leadMs: number
  #current: StoredKey
  /** Start of the overlap. */
  #currentSinceMs: number
  /** Oldest first, as in the ring. */
  #pending: PendingKey[] = []
  #log: FastifyBaseLogger | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  /** Serializes polls and rotations. */
  #busy: Promise<unknown> = Promise.resolve()
  #retryAtMs = 0
  readonly #failures: FailureReport

  private constructor(
    ring: KeyRing,
    current: StoredKey,
    store: ServerKeyStore,
    schedule: KeySchedule,
    logger: Logger,
  ) {
    this.ring = ring
    this.#current = current
    this.#store = store
    this.#schedule = schedule
    this.#logger = logger
    this.#failures = new FailureReport(logger, 'server keys cannot be renewed', 'ERR_KEY_FILE')
    this.#leadMs = store.shared ? effectiveLead(schedule) : 0
    this.#currentSinceMs = current.createdAtMs + this.#leadMs
  }

  /**
   * Reads the keys of a store. In an empty store it creates the first key and publishes it at once.
   *
   * @throws SecurityError when an existing key cannot be read
   * @throws GatewayError `ERR_KEY_STORE` when the store cannot be read
   */
  static async open(
    store: ServerKeyStore,
    schedule: KeySchedule,
    logger: Logger,
  ): Promise<ServerKeys> {
    let keys = await store.list()
    if (keys.length === 0) {
      await store.add(1)
      keys = await store.list()
    }
    const lead = effectiveLead(schedule)
    // Other gateways may not have discovered younger keys yet.
    const published = keys.findLastIndex(({ createdAtMs }) => Date.now() - createdAtMs >= lead)
    const at = Math.max(published, 0)
    const [current, previous] = [keys[at], keys[at - 1]]
    if (current === undefined) throw new SecurityError('ERR_KEY_FILE', 'The key was removed.')
    const overlaps = Date.now() - current.createdAtMs < schedule.overlapMs
    const pair = await store.load(current.number)
    const ring = new KeyRing(
      previous !== undefined && overlaps ? await store.load(previous.number) : pair,
    )
    if (ring.current !== pair) ring.rotate(pair)
    const serverKeys = new ServerKeys(ring, current, store, schedule, logger)
    await serverKeys.#poll()
    return serverKeys
  }

  /** Fingerprint of the published key, as `sha256/...`. */
  get fingerprint(): string {
    return this.ring.current.publicKey.fingerprint
  }

  /** Time for which the next key is scheduled, in milliseconds since 1970; undefined without a schedule. */
  get rotationDueMs(): number | undefined {
    const { rotationMs } = this.#schedule
    return rotationMs === undefined ? undefined : this.#newest.createdAtMs + rotationMs
  }

  /** Starts to discover, create, publish and remove keys on schedule. */
  start(log: FastifyBaseLogger): void {
    this.#log = log
    const interval = this.#schedule.leadMs / POLLS_PER_LEAD
    this.#timer = setInterval(() => void this.refresh(), interval).unref()
    void this.refresh()
  }

  /** Polls the store now. Never rejects: a failure is logged, and the keys in use stay. */
  refresh(): Promise<void> {
    return this.#exclusively(async () => {
      await this.#poll()
      if (this.#isDue()) await this.#rotate()
      // Last: files that cannot be removed must not prevent a rotation.
      await this.#endOverlap()
    })
  }

  /** Creates the next key, which is published after the lead. Never rejects: a failure is logged. */
  rotate(): Promise<void> {
    return this.#exclusively(() => this.#rotate())
  }

  /** Disposes of every key, after the work in progress. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#busy
    this.ring.dispose()
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(work).then(
      () => {
        this.#failures.clear()
      },
      (error: unknown) => {
        const consequence = `the server key stays ${this.fingerprint}`
        this.#failures.report(error, consequence, this.#log)
      },
    )
    this.#busy = done
    return done
  }

  async #poll(): Promise<void> {
    const keys = await this.#list()
    this.#publish()
    const newer = keys.filter(({ number }) => number > this.#newest.number)
    // All or none: a broken key leaves the keys in use as they are.
    const pairs = await Promise.all(newer.map(({ number }) => this.#store.load(number)))
    for (const pair of pairs) this.ring.announce(pair)
    const discoveredAtMs = performance.now()
    this.#pending.push(...newer.map((key) => ({ ...key, discoveredAtMs })))
    this.#publish()
  }

  /** Lists the keys. After a failure the lead starts again: other gateways may have failed too. */
  async #list(): Promise<readonly StoredKey[]> {
    try {
      return await this.#store.list()
    } catch (error) {
      for (const key of this.#pending) key.discoveredAtMs = performance.now()
      throw error
    }
  }

  #publish(): void {
    const ready = this.#pending.filter(
      ({ discoveredAtMs }) => performance.now() - discoveredAtMs >= this.#leadMs,
    )
    for (const key of ready) {
      this.#pending.shift()
      this.ring.rotate()
      this.#current = key
      this.#currentSinceMs = Date.now()
      this.#logger.info(
        `server key ${this.fingerprint}; the previous key still decrypts for the overlap`,
      )
      this.#log?.info({ fingerprint: this.fingerprint }, 'server key rotated')
    }
  }

  get #newest(): StoredKey {
    return this.#pending.at(-1) ?? this.#current
  }

  async #endOverlap(): Promise<void> {
    if (Date.now() - this.#currentSinceMs < this.#schedule.overlapMs) return
    this.ring.retirePrevious()
    for (const { number } of await this.#store.list()) {
      if (number < this.#current.number) await this.#store.remove(number)
    }
  }

  #isDue(): boolean {
    const { rotationMs } = this.#schedule
    const now = Date.now()
    return (
      rotationMs !== undefined &&
      now - this.#newest.createdAtMs >= rotationMs &&
      now >= this.#retryAtMs
    )
  }

  async #rotate(): Promise<void> {
    try {
      await this.#store.add(this.#newest.number + 1)
      await this.#poll()
    } catch (error) {
      this.#retryAtMs = Date.now() + RETRY_AFTER_MS
      throw error
    }
  }
}

/** Shortens the lead to a time between its last two polls, so that late polls do not delay publication. */
const effectiveLead = ({ leadMs }: KeySchedule): number =>
  leadMs * ((POLLS_PER_LEAD - 0.5) / POLLS_PER_LEAD)
