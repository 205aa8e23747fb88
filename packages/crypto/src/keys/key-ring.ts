import { requireKey } from '../arguments.js'
import { SecurityError } from '../errors.js'
import type { KeyPair, PrivateKey, PublicKey } from '../suite.js'

/**
 * A key pair in use, the previous pair, so that envelopes for it still open while callers learn the
 * new key, and announced pairs, which another ring may publish first. Has no clock: its owner decides
 * when to announce, rotate and retire.
 *
 * @example
 * ```ts
 * import { KeyRing, generateKeyPair, openJson, sealJson } from '@nomyo/crypto'
 *
 * const ring = new KeyRing(await generateKeyPair())
 * const body = await sealJson({ n: 1 }, ring.current.publicKey)
 * ring.rotate(await generateKeyPair())
 * const { value } = await openJson(body, ring)
 * ```
 */
export class KeyRing {
  #current: KeyPair | undefined
  #previous: KeyPair | undefined
  #announced: KeyPair[] = []

  /** @throws SecurityError `ERR_KEY_TYPE` */
  constructor(current: KeyPair) {
    requirePair(current)
    this.#current = current
  }

  /**
   * The pair to publish.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  get current(): KeyPair {
    return this.#current ?? disposed()
  }

  /**
   * The keys to open with: the current one, the previous one, then the announced ones.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  get privateKeys(): readonly PrivateKey[] {
    return this.#pairs.map(({ privateKey }) => privateKey)
  }

  /**
   * The keys whose envelopes open, in the same order.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`
   */
  get publicKeys(): readonly PublicKey[] {
    return this.#pairs.map(({ publicKey }) => publicKey)
  }

  get #pairs(): readonly KeyPair[] {
    const previous = this.#previous === undefined ? [] : [this.#previous]
    return [this.current, ...previous, ...this.#announced]
  }

  /**
   * Adds a pair that opens envelopes from now on and is published by a later {@link KeyRing.rotate}.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`, `ERR_KEY_TYPE`
   */
  announce(next: KeyPair): void {
    requirePair(next)
    if (this.#current === undefined) disposed()
    this.#announced.push(next)
  }

  /**
   * Makes a new pair the current one: the given one, or else the one announced first. Disposes of the
   * previous pair; the current one becomes the previous one.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED`; `ERR_KEY_INVALID` when no pair is given or announced;
   * `ERR_KEY_TYPE`
   */
  rotate(next?: KeyPair): void {
    const last = this.current
    if (next !== undefined) requirePair(next)
    const pair = next ?? this.#announced.shift()
    if (pair === undefined) throw new SecurityError('ERR_KEY_INVALID', 'No key pair is announced.')
    this.retirePrevious()
    this.#previous = last
    this.#current = pair
  }

  /** Disposes of the previous pair: envelopes for it no longer open. */
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

const requirePair = (pair: KeyPair): void => {
  requireKey(pair, 'the pair', 'privateKey')
}

function disposed(): never {
  throw new SecurityError('ERR_KEY_DISPOSED', 'The key ring has been disposed of.')
}
