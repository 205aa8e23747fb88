import type { KeyPair, PrivateKey } from '@nomyo/crypto'
import { assertUsable } from '../disposable.js'

/** The lifetime of a reply key: until the next rotation, or one attempt. */
export type ReplyKeyMode = 'rotating' | 'one-time'

/** A key pair on loan for one attempt. */
export interface ReplyKeyLease {
  readonly pair: KeyPair
  /** Returns the pair; safe to call twice. */
  release(): void
}

/** Options of {@link ReplyKeyManager}. */
export interface ReplyKeyManagerOptions {
  readonly mode: ReplyKeyMode
  /** Milliseconds a rotating key is used; 0 for as long as the client lives. */
  readonly rotationIntervalMs: number
  /** Generates the first pair at construction rather than when it is first needed. */
  readonly eager: boolean
  /** Loads or generates the first pair. */
  readonly first: () => Promise<KeyPair>
  /** Generates every further pair. */
  readonly next: () => Promise<KeyPair>
  /** Receives the error of a failed rotation; the previous key stays in use. */
  readonly onRotationFailed: (error: unknown) => void
}

/** One-time pairs held ready: generating one takes about as long as an answer. */
const POOL_SIZE = 2

/**
 * The keys that answers are encrypted to. A pair is disposed of when it is out of use and no attempt
 * holds it.
 */
export class ReplyKeyManager {
  readonly #options: ReplyKeyManagerOptions
  #timer: ReturnType<typeof setTimeout> | undefined
  /** The pair in use, or those held ready for one use each. */
  #pairs: Promise<KeyPair>[] = []
  readonly #leases = new Map<PrivateKey, number>()
  /** Keys to dispose of with the end of their last lease. */
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
   * Lends a pair for one attempt.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`; errors of generating or loading a key
   */
  async lease(): Promise<ReplyKeyLease> {
    assertUsable(this.#disposed)
    const oneTime = this.#options.mode === 'one-time'
    const pair = await (oneTime ? this.#takeFromPool() : this.#current())
    const { privateKey } = pair
    try {
      // The client may have been disposed of meanwhile.
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

  /**
   * Replaces the pair in use.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`; the pair is disposed of then
   */
  replace(pair: KeyPair): void {
    if (this.#disposed) disposePair(pair)
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

  /** Stops rotation and disposes of every key, also of those on loan. Safe to call twice. */
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
    // The last attempt to generate one failed: this caller tries again.
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

  /** Rotations run one after the other: generating a key may take longer than the interval. */
  #scheduleRotation(): void {
    if (this.#options.rotationIntervalMs === 0 || this.#disposed) return
    this.#timer = setTimeout(() => {
      void this.#rotate()
        // A log that fails must not end the process.
        .catch(() => undefined)
        .then(() => {
          this.#scheduleRotation()
        })
    }, this.#options.rotationIntervalMs)
    // In Node, a pending rotation must not keep the process alive.
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  async #rotate(): Promise<void> {
    // None was needed so far.
    if (this.#pairs.length === 0) return
    try {
      const next = await this.#options.next()
      this.replace(next)
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

  /** A failed one is dropped, so that the next caller tries again. */
  #make(source: () => Promise<KeyPair>): Promise<KeyPair> {
    // Deferred, so that constructing a client does not wait for its start.
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
