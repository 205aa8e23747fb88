import { SecurityError } from '../errors.js'
import type { KeyPair, PrivateKey } from '../suite.js'

/**
 * The key pair in use and the one before it, so that what was sealed for the old key still opens
 * while the new one spreads. Knows no clock: its owner decides when to rotate and when to retire.
 */
export class KeyRing {
  #current: KeyPair | undefined
  #previous: KeyPair | undefined

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
   * The keys to open with, newest first.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  get privateKeys(): readonly PrivateKey[] {
    const pairs = this.#previous === undefined ? [this.current] : [this.current, this.#previous]
    return pairs.map((pair) => pair.privateKey)
  }

  /** Puts a new pair in front; the one before the last is disposed of. */
  rotate(next: KeyPair): void {
    const last = this.current
    this.retirePrevious()
    this.#previous = last
    this.#current = next
  }

  /** Ends the overlap: from now on only the current key opens. */
  retirePrevious(): void {
    this.#previous?.privateKey.dispose()
    this.#previous = undefined
  }

  /** Disposes of every key. Safe to call twice. */
  dispose(): void {
    this.retirePrevious()
    this.#current?.privateKey.dispose()
    this.#current = undefined
  }
}

function disposed(): never {
  throw new SecurityError('ERR_KEY_DISPOSED', 'The key ring has been disposed of.')
}
