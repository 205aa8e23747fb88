import type { KeyPair, PrivateKey } from '@nomyo/crypto'
import { assertUsable } from '../disposable.js'

/** How long a reply key is used: until the next rotation, or for one attempt. */
export type ReplyKeyMode = 'rotating' | 'one-time'

/** A key pair on loan for one attempt. */
export interface ReplyKeyLease {
  readonly pair: KeyPair
  /** Gives it back; safe to call twice. */
  release(): void
}

/** How {@link ReplyKeyManager} works. */
export interface ReplyKeyManagerOptions {
  readonly mode: ReplyKeyMode
  /** Milliseconds a rotating key is used; 0 for as long as the client lives. */
  readonly rotationIntervalMs: number
  /** Whether making starts at construction, or when a key is first needed. */
  readonly eager: boolean
  /** Gives the first pair. */
  readonly first: () => Promise<KeyPair>
  /** Gives every further pair. */
  readonly next: () => Promise<KeyPair>
  /** Told when a rotation failed; the key before it stays in use. */
  readonly onRotationFailed: (error: unknown) => void
}

/** One-time pairs held ready: making one takes about as long as an answer does. */
const POOL_SIZE = 2

/**
 * The keys answers are sealed to. Making starts at construction. A pair is disposed of when it is out
 * of use and no attempt holds it any more.
 */
export class ReplyKeyManager {
  readonly #options: ReplyKeyManagerOptions
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The pair in use, or those held ready for one use each. */
  #pairs: Promise<KeyPair>[] = []
  readonly #leases = new Map<PrivateKey, number>()
  /** Keys to dispose of as soon as nobody holds them. */
  readonly #retired = new Set<PrivateKey>()
  #disposed = false

  constructor(options: ReplyKeyManagerOptions) {
    this.#options = options
    if (options.eager) this.#pairs.push(this.#make(options.first))
    if (options.mode === 'one-time') {
      if (options.eager) this.#fillPool()
    } else {
      this.#scheduleRotation()
    }
  }

  /**
   * A pair for one attempt.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`; what making or loading a key throws
   */
  async lease(): Promise<ReplyKeyLease> {
    assertUsable(this.#disposed)
    const oneTime = this.#options.mode === 'one-time'
    const pair = await (oneTime ? this.#takeFromPool() : this.#current())
    const { privateKey } = pair
    try {
      // While it was made the client may have been disposed of.
      assertUsable(this.#disposed)
    } catch (error) {
      privateKey.dispose()
      throw error
    }
    this.#leases.set(privateKey, (this.#leases.get(privateKey) ?? 0) + 1)
    if (oneTime) this.#retired.add(privateKey)
    let held = true
    return {
      pair,
      release: () => {
        if (held) this.#release(privateKey)
        held = false
      },
    }
  }

  /** Puts another pair in the place of the one in use. */
  replace(pair: KeyPair): void {
    assertUsable(this.#disposed)
    const previous = this.#pairs
    this.#pairs = [Promise.resolve(pair)]
    for (const old of previous) {
      old.then(
        ({ privateKey }) => {
          this.#retire(privateKey)
        },
        () => undefined,
      )
    }
  }

  /** Stops rotating and disposes of every key, also of those on loan. Safe to call twice. */
  dispose(): void {
    this.#disposed = true
    clearTimeout(this.#timer)
    for (const pair of this.#pairs) pair.then(disposePair, () => undefined)
    for (const key of this.#leases.keys()) key.dispose()
    this.#pairs = []
    this.#leases.clear()
  }

  #current(): Promise<KeyPair> {
    const [pair] = this.#pairs
    if (pair !== undefined) return pair
    // The last attempt to make one failed: this caller tries anew.
    const again = this.#make(this.#options.first)
    this.#pairs = [again]
    return again
  }

  #takeFromPool(): Promise<KeyPair> {
    const pair = this.#pairs.shift() ?? this.#make(this.#options.next)
    this.#fillPool()
    return pair
  }

  #fillPool(): void {
    while (this.#pairs.length < POOL_SIZE) this.#pairs.push(this.#make(this.#options.next))
  }

  /** One rotation after the other: making a key may take longer than the interval. */
  #scheduleRotation(): void {
    if (this.#options.rotationIntervalMs === 0 || this.#disposed) return
    this.#timer = setTimeout(() => {
      void this.#rotate().then(() => {
        this.#scheduleRotation()
      })
    }, this.#options.rotationIntervalMs)
    // In Node, waiting for a rotation must keep no process alive.
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  async #rotate(): Promise<void> {
    try {
      const next = await this.#options.next()
      if (this.#disposed) next.privateKey.dispose()
      else this.replace(next)
    } catch (error) {
      if (!this.#disposed) this.#options.onRotationFailed(error)
    }
  }

  #release(key: PrivateKey): void {
    const left = (this.#leases.get(key) ?? 1) - 1
    if (left > 0) {
      this.#leases.set(key, left)
      return
    }
    this.#leases.delete(key)
    if (this.#retired.delete(key)) key.dispose()
  }

  #retire(key: PrivateKey): void {
    if (this.#leases.has(key)) this.#retired.add(key)
    else key.dispose()
  }

  /** One that fails is forgotten, so that the next caller tries anew. */
  #make(source: () => Promise<KeyPair>): Promise<KeyPair> {
    // Not at once: whoever makes a client need not wait for the start of it.
    const made = Promise.resolve().then(source)
    made.catch(() => {
      this.#pairs = this.#pairs.filter((pair) => pair !== made)
    })
    return made
  }
}

const disposePair = (pair: KeyPair): void => {
  pair.privateKey.dispose()
}
