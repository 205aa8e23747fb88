import { verifyPin, type PublicKey } from '@nomyo/crypto'
import type { Transport } from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'
import { fetchPublicKey, type FetchedPublicKey } from '../gateway-api/public-key.js'
import { lookUpServer, recordFirstUse, serverName } from '../keys/known-servers.js'
import { SharedRun } from '../keys/shared-run.js'

/** After this the key is revalidated; a gateway accepts its previous key for longer. */
const FRESH_FOR_MS = 60 * 60 * 1000

/** A checked key and the time of its last validation. */
interface HeldKey {
  readonly fetched: FetchedPublicKey
  readonly validatedAtMs: number
}

/** A key of a server that was not known, and the promise of its entry among the known ones. */
interface FirstUse {
  readonly fingerprint: string
  readonly record: () => Promise<void>
  recorded: Promise<void> | undefined
}

/**
 * The gateway's public key: fetched once, shared by all requests, revalidated after an hour and when the
 * gateway refuses a request as if its key had changed.
 */
export class ServerKey {
  readonly #transport: Transport
  readonly #config: ClientConfig
  #held: SharedRun<HeldKey> | undefined
  #firstUse: FirstUse | undefined

  constructor(transport: Transport, config: ClientConfig) {
    this.#transport = transport
    this.#config = config
  }

  /**
   * Returns the key, fetched if necessary. Concurrent callers share one fetch. A caller that gives up does
   * not end it for the others, but the next caller starts another.
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

  /**
   * Records the first use of a key. To be called when everything else has accepted it; calls share one
   * record.
   *
   * @param key - default: the key held
   * @throws SecurityError `ERR_SERVER_KEY_CHANGED` where another program recorded another key meanwhile
   */
  async accept(key?: PublicKey): Promise<void> {
    const first = this.#firstUse
    if (first === undefined) return
    if (key !== undefined && key.fingerprint !== first.fingerprint) return
    first.recorded ??= first.record()
    try {
      await first.recorded
    } catch (error) {
      first.recorded = undefined
      throw error
    }
  }

  /** Returns the key held, unless it is stale: then all callers share one more fetch. */
  async #unless(isStale: (held: HeldKey) => boolean, signal: AbortSignal): Promise<PublicKey> {
    const run = this.#current()
    const held = await run.wait(signal)
    if (!isStale(held)) return held.fetched.key
    if (this.#held === run) this.#renew(held)
    const renewed = await this.#current().wait(signal)
    return renewed.fetched.key
  }

  #current(): SharedRun<HeldKey> {
    return this.#held === undefined || this.#held.isOver ? this.#renew(undefined) : this.#held
  }

  #renew(held: HeldKey | undefined): SharedRun<HeldKey> {
    this.#held = new SharedRun((signal) => this.#fetch(held?.fetched, signal))
    return this.#held
  }

  async #fetch(held: FetchedPublicKey | undefined, signal: AbortSignal): Promise<HeldKey> {
    const { timeout, defaultHeaders: headers, minServerKeyBits: minBits } = this.#config
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
    if (knownServers === undefined) return
    const facts = [knownServers, serverName(baseUrl), key, onServerKey] as const
    if (await lookUpServer(...facts)) return
    this.#firstUse = {
      fingerprint: key.fingerprint,
      record: () => recordFirstUse(...facts),
      recorded: undefined,
    }
  }
}
