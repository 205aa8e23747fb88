import { importPublicKey, verifyPin, type PublicKey } from '@nomyo/crypto'
import { abortable, errorFromResponse, startDeadline, type Transport } from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'
import { checkKnownServer, serverName } from './known-servers.js'

/** A PEM of an 8192-bit key takes under 1.5 KB. */
const MAX_KEY_BYTES = 64 * 1024
/** After this a key is asked for again; a gateway lets the key before it live on for longer. */
const FRESH_FOR_MS = 60 * 60 * 1000

/** A key as it came, and what is needed to ask whether it still holds. */
interface FetchedKey {
  readonly key: PublicKey
  readonly etag: string | undefined
  readonly fetchedAtMs: number
}

/**
 * The gateway's public key: fetched once, shared by all requests, asked for again after an hour, and
 * when a request was answered as if the key had changed.
 */
export class ServerKey {
  readonly #transport: Transport
  readonly #config: ClientConfig
  /** Ends a fetch that nobody waits for any more. */
  readonly #lifetime = new AbortController()
  #fetched: Promise<FetchedKey> | undefined

  constructor(transport: Transport, config: ClientConfig) {
    this.#transport = transport
    this.#config = config
  }

  /**
   * The key, fetched if it is not there yet. Any number of callers share one fetch; giving up
   * waiting does not end it for the others.
   *
   * @throws SecurityError when the server's answer is no acceptable key, is not pinned, or is another
   * than the known one
   * @throws APIError, APIConnectionError when it cannot be fetched
   */
  get(signal: AbortSignal): Promise<PublicKey> {
    return this.#unless((held) => performance.now() - held.fetchedAtMs >= FRESH_FOR_MS, signal)
  }

  /** Asks for the key again after a request sealed for `used` was refused: whether it is another now. */
  async hasChangedFrom(used: PublicKey, signal: AbortSignal): Promise<boolean> {
    const key = await this.#unless((held) => held.key.fingerprint === used.fingerprint, signal)
    return key.fingerprint !== used.fingerprint
  }

  /** Ends a fetch that is under way. */
  dispose(): void {
    this.#lifetime.abort()
  }

  /** The key held, unless it is stale: then one more fetch, shared by all who find it so. */
  async #unless(isStale: (held: FetchedKey) => boolean, signal: AbortSignal): Promise<PublicKey> {
    const holding = (this.#fetched ??= this.#fetchOnce(undefined))
    const held = await abortable(holding, signal)
    if (!isStale(held)) return held.key
    if (this.#fetched === holding) this.#fetched = this.#fetchOnce(held)
    const renewed = await abortable((this.#fetched ??= this.#fetchOnce(undefined)), signal)
    return renewed.key
  }

  /** One fetch; when it fails it is forgotten, so that the next caller tries anew. */
  #fetchOnce(held: FetchedKey | undefined): Promise<FetchedKey> {
    const fetched = this.#fetch(held)
    fetched.catch(() => {
      if (this.#fetched === fetched) this.#fetched = undefined
    })
    return fetched
  }

  async #fetch(held: FetchedKey | undefined): Promise<FetchedKey> {
    const { timeoutMs, defaultHeaders } = this.#config
    const deadline = startDeadline(timeoutMs, [this.#lifetime.signal])
    try {
      // No Authorization: the key is public, and whoever answers here is not yet known.
      const response = await this.#transport.send({
        method: 'GET',
        path: '/pki/public_key',
        headers: {
          ...defaultHeaders,
          accept: 'application/x-pem-file, text/plain',
          ...(held?.etag === undefined ? {} : { 'if-none-match': held.etag }),
        },
        maxResponseBytes: MAX_KEY_BYTES,
        signal: deadline.signal,
      })
      const fetchedAtMs = performance.now()
      if (response.status === 304 && held !== undefined) return { ...held, fetchedAtMs }
      if (response.status !== 200) throw errorFromResponse(response)
      const key = await this.#judge(new TextDecoder().decode(response.body))
      return { key, etag: response.header('etag'), fetchedAtMs }
    } finally {
      deadline.clear()
    }
  }

  async #judge(pem: string): Promise<PublicKey> {
    const { baseUrl, minServerKeyBits, serverKeyPins, knownServers, onServerKey } = this.#config
    const key = await importPublicKey(pem, { minBits: minServerKeyBits })
    if (serverKeyPins.length > 0) verifyPin(key, serverKeyPins)
    if (knownServers !== undefined) {
      await checkKnownServer(knownServers, serverName(baseUrl), key, onServerKey)
    }
    return key
  }
}
