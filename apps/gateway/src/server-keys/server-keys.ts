import { KeyRing, SecurityError } from '@nomyo/crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Notice } from '../observability/notice.js'
import type { KeyStore, StoredKey } from './server-key-store.js'

/** When keys change. */
export interface KeySchedule {
  /** Age at which a key is followed by the next, in milliseconds. Default: never by itself. */
  readonly rotationMs: number | undefined
  /** How long the key before still opens, in milliseconds. */
  readonly overlapMs: number
  /** From the first sight of a key until it is handed out, in milliseconds. */
  readonly leadMs: number
}

/**
 * Looks into the store within a lead: a key made by another process opens after one, and is handed out
 * at the third. Others see it within one look; the rest is for looks that come late.
 */
const LOOKS = 3
/** After a rotation that failed, so that a full disk does not cost a new key every time. */
const RETRY_AFTER_MS = 60_000

/** A key that opens and is not handed out yet. */
interface ComingKey extends StoredKey {
  /** When it was seen, or when looks went well again since: of the clock that never jumps. */
  seenAtMs: number
}

/**
 * The keys in use. The store is the truth: its newest key opens as soon as it is seen and is handed
 * out a lead later, once every gateway with this store opens it. The one before still opens for the
 * overlap and is then removed. What cannot be read changes nothing.
 */
export class ServerKeys {
  readonly ring: KeyRing
  readonly #store: KeyStore
  readonly #schedule: KeySchedule
  readonly #notice: Notice
  readonly #leadMs: number
  #current: StoredKey
  /** From when on the overlap counts. */
  #currentSinceMs: number
  /** Oldest first, as in the ring. */
  #coming: ComingKey[] = []
  #log: FastifyBaseLogger | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  /** One look or rotation at a time. */
  #busy: Promise<unknown> = Promise.resolve()
  #retryAtMs = 0
  #lastFault = ''

  private constructor(
    ring: KeyRing,
    current: StoredKey,
    store: KeyStore,
    schedule: KeySchedule,
    notice: Notice,
  ) {
    this.ring = ring
    this.#current = current
    this.#store = store
    this.#schedule = schedule
    this.#notice = notice
    this.#leadMs = store.shared ? leadOf(schedule) : 0
    this.#currentSinceMs = current.createdAtMs + this.#leadMs
  }

  /**
   * Reads the keys of a store; makes the first if there is none, and hands it out at once.
   *
   * @throws SecurityError when a key that is there cannot be read, KeyStoreError when the store cannot
   */
  static async open(store: KeyStore, schedule: KeySchedule, notice: Notice): Promise<ServerKeys> {
    let keys = await store.list()
    if (keys.length === 0) {
      await store.add(1)
      keys = await store.list()
    }
    const lead = leadOf(schedule)
    // What is newer than this others may not have seen yet.
    const settled = keys.findLastIndex(({ createdAtMs }) => Date.now() - createdAtMs >= lead)
    const at = Math.max(settled, 0)
    const [current, previous] = [keys[at], keys[at - 1]]
    if (current === undefined) throw new SecurityError('ERR_KEY_FILE', 'The key has vanished.')
    const overlaps = Date.now() - current.createdAtMs < schedule.overlapMs
    const pair = await store.load(current.number)
    const ring = new KeyRing(
      previous !== undefined && overlaps ? await store.load(previous.number) : pair,
    )
    if (ring.current !== pair) ring.rotate(pair)
    const serverKeys = new ServerKeys(ring, current, store, schedule, notice)
    await serverKeys.#look()
    return serverKeys
  }

  /** `sha256/...` of the key handed out. */
  get fingerprint(): string {
    return this.ring.current.publicKey.fingerprint
  }

  /** From now on keys are taken up, retired and made when it is time. */
  start(log: FastifyBaseLogger): void {
    this.#log = log
    this.#timer = setInterval(() => void this.refresh(), this.#schedule.leadMs / LOOKS).unref()
    void this.refresh()
  }

  /** Looks into the store now. Never rejects: what is wrong is logged, the keys in use stay. */
  refresh(): Promise<void> {
    return this.#exclusively(async () => {
      await this.#look()
      if (this.#isDue()) await this.#rotate()
      // Last: files that cannot be removed must not keep keys from being renewed.
      await this.#endOverlap()
    })
  }

  /** Makes the next key, to be handed out after the lead. Never rejects: if it fails, that is logged. */
  rotate(): Promise<void> {
    return this.#exclusively(() => this.#rotate())
  }

  /** Lets go of every key, once nothing is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#busy
    this.ring.dispose()
  }

  #exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#busy.then(work).then(
      () => {
        this.#lastFault = ''
      },
      (error: unknown) => {
        this.#report(error)
      },
    )
    this.#busy = done
    return done
  }

  async #look(): Promise<void> {
    const keys = await this.#list()
    this.#handOut()
    const newer = keys.filter(({ number }) => number > this.#newest.number)
    // All or nothing: one that is broken leaves the keys as they are.
    const pairs = await Promise.all(newer.map(({ number }) => this.#store.load(number)))
    for (const pair of pairs) this.ring.announce(pair)
    const seenAtMs = performance.now()
    this.#coming.push(...newer.map((key) => ({ ...key, seenAtMs })))
    this.#handOut()
  }

  /** The others may not see the store either when it fails here: the lead begins anew. */
  async #list(): Promise<readonly StoredKey[]> {
    try {
      return await this.#store.list()
    } catch (error) {
      for (const key of this.#coming) key.seenAtMs = performance.now()
      throw error
    }
  }

  #handOut(): void {
    const ready = this.#coming.filter(
      ({ seenAtMs }) => performance.now() - seenAtMs >= this.#leadMs,
    )
    for (const key of ready) {
      this.#coming.shift()
      this.ring.rotate()
      this.#current = key
      this.#currentSinceMs = Date.now()
      this.#notice(`server key ${this.fingerprint}; the key before still opens for a while`)
      this.#log?.info({ fingerprint: this.fingerprint }, 'server key rotated')
    }
  }

  get #newest(): StoredKey {
    return this.#coming.at(-1) ?? this.#current
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
      await this.#look()
    } catch (error) {
      this.#retryAtMs = Date.now() + RETRY_AFTER_MS
      throw error
    }
  }

  /** Once for each fault, not at every look. */
  #report(error: unknown): void {
    const { code = 'ERR_KEY_FILE', message = '' } = error as { code?: string; message?: string }
    const fault = `${code} ${message}`
    if (fault === this.#lastFault) return
    this.#lastFault = fault
    this.#notice(`the server key stays ${this.fingerprint}: ${message} (${code})`)
    this.#log?.error({ code, detail: message }, 'server keys cannot be renewed')
  }
}

/** Between the last look but one within the lead and the last, whichever of them comes late. */
const leadOf = ({ leadMs }: KeySchedule): number => leadMs * ((LOOKS - 0.5) / LOOKS)
