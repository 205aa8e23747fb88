import { verifyPin, type PublicKey } from '@nomyo/crypto'
import { abortable, type Transport } from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'
import { fetchPublicKey, type FetchedPublicKey } from '../gateway-api/public-key.js'
import { checkKnownServer, serverName } from './known-servers.js'

/** After this the key is revalidated; a gateway accepts its previous key for longer. */
const FRESH_FOR_MS = 60 * 60 * 1000

/** A checked key and the time of its last validation. */
interface HeldKey {
  readonly fetched: FetchedPublicKey
  readonly validatedAtMs: number
}

/**
 * The gateway's public key: fetched once, shared by all requests, revalidated after an hour and when the
 * gateway refuses a request as if its key had changed.
 */
export class ServerKey {
  readonly #transport: Transport
  readonly #config: ClientConfig
  readonly #lifetime = new AbortController()
  #held: Promise<HeldKey> | undefined

  constructor(transport: Transport, config: ClientConfig) {
    this.#transport = transport
    this.#config = config
  }

  /**
   * Returns the key, fetched if necessary. Concurrent callers share one fetch; an aborted caller does
   * not end it for the others.
   *
   * @throws SecurityError for a key that is not acceptable, not pinned, or different from the known one
   * @throws APIError, APIConnectionError when it cannot be fetched
   */
  get(signal: AbortSignal): Promise<PublicKey> {
    return this.#unless((held) => performance.now() - held.validatedAtMs >= FRESH_FOR_MS, signal)
  }

  /** Revalidates the key after a request encrypted to `used` was refused; resolves with whether it differs. */
  async hasChangedFrom(used: PublicKey, signal: AbortSignal): Promise<boolean> {
    const isUsed = ({ fetched }: HeldKey): boolean => fetched.key.fingerprint === used.fingerprint
    const key = await this.#unless(isUsed, signal)
    return key.fingerprint !== used.fingerprint
  }

  /** Aborts a fetch in flight. */
  dispose(): void {
    this.#lifetime.abort()
  }

  /** Returns the key held, unless it is stale: then all callers share one more fetch. */
  async #unless(isStale: (held: HeldKey) => boolean, signal: AbortSignal): Promise<PublicKey> {
    const holding = (this.#held ??= this.#renew(undefined))
    const held = await abortable(holding, signal)
    if (!isStale(held)) return held.fetched.key
    if (this.#held === holding) this.#held = this.#renew(held)
    const renewed = await abortable((this.#held ??= this.#renew(undefined)), signal)
    return renewed.fetched.key
  }

  /** A failed fetch is discarded, so that the next caller tries again. */
  #renew(held: HeldKey | undefined): Promise<HeldKey> {
    const renewed = this.#fetch(held?.fetched)
    renewed.catch(() => {
      if (this.#held === renewed) this.#held = undefined
    })
    return renewed
  }

  async #fetch(held: FetchedPublicKey | undefined): Promise<HeldKey> {
    const { timeout, defaultHeaders: headers, minServerKeyBits: minBits } = this.#config
    const { signal } = this.#lifetime
    const fetched = await fetchPublicKey(this.#transport, {
      timeout,
      headers,
      minBits,
      held,
      signal,
    })
    const validatedAtMs = performance.now()
    if (fetched !== held) await this.#check(fetched.key)
    return { fetched, validatedAtMs }
  }

  async #check(key: PublicKey): Promise<void> {
    const { baseUrl, serverKeyPins, knownServers, onServerKey } = this.#config
    if (serverKeyPins.length > 0) verifyPin(key, serverKeyPins)
    if (knownServers !== undefined) {
      await checkKnownServer(knownServers, serverName(baseUrl), key, onServerKey)
    }
  }
}
