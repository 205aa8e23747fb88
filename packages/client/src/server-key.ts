import { importPublicKey, verifyPin, type PublicKey } from '@nomyo/crypto'
import { abortable, errorFromResponse, startDeadline, type Transport } from '@nomyo/transport'
import type { ClientConfig } from './config.js'

/** A PEM of an 8192-bit key takes under 1.5 KB. */
const MAX_KEY_BYTES = 64 * 1024

/**
 * The gateway's public key: fetched once, shared by all requests, fetched again when a request was
 * answered as if the key had changed.
 */
export class ServerKey {
  readonly #transport: Transport
  readonly #config: ClientConfig
  #key: Promise<PublicKey> | undefined

  constructor(transport: Transport, config: ClientConfig) {
    this.#transport = transport
    this.#config = config
  }

  /**
   * The key, fetched if it is not there yet. Any number of callers share one fetch; giving up
   * waiting does not end it for the others.
   *
   * @throws SecurityError when the server's answer is no acceptable key or is not pinned
   * @throws APIError, APIConnectionError when it cannot be fetched
   */
  get(signal: AbortSignal): Promise<PublicKey> {
    return abortable((this.#key ??= this.#fetchOnce()), signal)
  }

  /**
   * Fetches the key again after a request sealed for `used` was refused; concurrent callers share
   * that fetch too. True when the server has another key now.
   */
  async hasChangedFrom(used: PublicKey, signal: AbortSignal): Promise<boolean> {
    const known = await this.get(signal)
    if (known.fingerprint === used.fingerprint) this.#key = this.#fetchOnce()
    return (await this.get(signal)).fingerprint !== used.fingerprint
  }

  /** One fetch; when it fails it is forgotten, so that the next caller tries anew. */
  #fetchOnce(): Promise<PublicKey> {
    const key = this.#fetch()
    key.catch(() => {
      if (this.#key === key) this.#key = undefined
    })
    return key
  }

  async #fetch(): Promise<PublicKey> {
    const deadline = startDeadline(this.#config.timeoutMs)
    try {
      // No Authorization: the key is public, and whoever answers here is not yet known.
      const response = await this.#transport.send({
        method: 'GET',
        path: '/pki/public_key',
        headers: { accept: 'application/x-pem-file, text/plain' },
        maxResponseBytes: MAX_KEY_BYTES,
        signal: deadline.signal,
      })
      if (response.status !== 200) throw errorFromResponse(response)
      const pem = new TextDecoder().decode(response.body)
      const key = await importPublicKey(pem, { minBits: this.#config.minServerKeyBits })
      if (this.#config.serverKeyPins.length > 0) verifyPin(key, this.#config.serverKeyPins)
      return key
    } finally {
      deadline.clear()
    }
  }
}
