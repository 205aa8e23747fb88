import { SecurityError } from '../errors.js'
import type { KeyPair, PrivateKey } from '../suite.js'

/**
 * The key pair in use, the one before it, so that what was sealed for the old key still opens while
 * the new one spreads, and those to come, so that a ring elsewhere may hand them out first. Knows no
 * clock: its owner decides when to announce, to rotate and to retire.
 */
export class KeyRing {
  #current: KeyPair | undefined
  #previous: KeyPair | undefined
  #announced: KeyPair[] = []

  constructor(current: KeyPair) {
    this.#current = current
  }

  /**
   * The pair to hand out.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  get current(): KeyPair {
    return this.#current ?? disposed()
  }

  /**
   * The keys to open with, newest first, but for those to come, which hardly anybody has yet.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  get privateKeys(): readonly PrivateKey[] {
    const previous = this.#previous === undefined ? [] : [this.#previous]
    return [this.current, ...previous, ...this.#announced].map((pair) => pair.privateKey)
  }

  /**
   * Opens with a pair from now on that is not handed out before {@link KeyRing.rotate}.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  announce(next: KeyPair): void {
    if (this.#current === undefined) disposed()
    this.#announced.push(next)
  }

  /**
   * Puts a new pair in front: the one announced longest ago, unless another is given. The one before
   * the last is disposed of.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`; `ERR_KEY_INVALID` when no pair is given or announced
   */
  rotate(next?: KeyPair): void {
    const last = this.current
    const pair = next ?? this.#announced.shift()
    if (pair === undefined) throw new SecurityError('ERR_KEY_INVALID', 'There is no key to come.')
    this.retirePrevious()
    this.#previous = last
    this.#current = pair
  }

  /** Ends the overlap: from now on the key before the current one opens nothing. */
  retirePrevious(): void {
    this.#previous?.privateKey.dispose()
    this.#previous = undefined
  }

  /** Disposes of every key. Safe to call twice. */
  dispose(): void {
    this.retirePrevious()
    for (const { privateKey } of this.#announced.splice(0)) privateKey.dispose()
    this.#current?.privateKey.dispose()
    this.#current = undefined
  }
}

function disposed(): never {
  throw new SecurityError('ERR_KEY_DISPOSED', 'The key ring has been disposed of.')
}
