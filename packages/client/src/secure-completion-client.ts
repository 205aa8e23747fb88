import type { KeyPair } from '@nomyo/crypto'
import { InvalidRequestError } from '@nomyo/transport'
import { apiKey as checkApiKey, bytes, invalidOption, plainObject } from './config/checks.js'
import type { SentRequest } from './completion/receipt.js'
import { checkSecurityTier, serializePayload, splitRequest } from './completion/seal-request.js'
import {
  readConfig,
  type RequestOptions,
  type SecureChatCompletionOptions,
} from './config/options.js'
import { makeDisposable } from './disposable.js'
import { loadCode } from './load-code.js'
import { Session } from './session.js'
import type { RequestWith, SecurityTier } from './types/request.js'
import type { ChatCompletion } from './types/response.js'
import type { ReplyKeyLease } from './wire-1/reply-key-manager.js'
import type { GenerateKeysOptions } from './wire-1/own-keys.js'
import type { Wire1 } from './wire-1/wire-1.js'

/** Options of {@link SecureCompletionClient}: keys are managed by calls, not by rotation. */
export interface SecureCompletionClientOptions extends Omit<
  SecureChatCompletionOptions,
  'baseUrl' | 'keyRotationInterval' | 'replyKeys' | 'streamIdleTimeout'
> {
  /** Address of the gateway. Default as `baseUrl` of {@link SecureChatCompletion}. */
  routerUrl?: string | undefined
}

/** Options of {@link SecureChatCompletion} alone. */
const FOREIGN_OPTIONS = [
  'baseUrl',
  'keyRotationInterval',
  'replyKeys',
  'streamIdleTimeout',
] as const

/**
 * The steps of an encrypted chat completion one by one: keys, encryption, decryption, and all of it at
 * once. {@link SecureChatCompletion} is simpler; this class is for applications that transport envelopes
 * themselves or keep a key of their own.
 *
 * @example
 * ```ts
 * import { SecureCompletionClient } from '@nomyo/client'
 *
 * const client = new SecureCompletionClient({ routerUrl: 'https://api.nomyo.ai' })
 * await client.generateKeys()
 * const envelope = await client.encryptPayload({
 *   model: 'Qwen/Qwen3-0.6B',
 *   messages: [{ role: 'user', content: 'Hello!' }],
 * })
 * const publicKey = encodeURIComponent(await client.publicKey())
 * console.log(envelope.length, publicKey.length)
 * client.dispose()
 * ```
 */
export class SecureCompletionClient {
  /** The same as {@link SecureCompletionClient.dispose}, for `using`, where the runtime knows it. */
  declare [Symbol.dispose]: () => void
  readonly #session: Session

  /**
   * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
   * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp: true`
   */
  constructor(options: SecureCompletionClientOptions = {}) {
    const { routerUrl, ...rest } = plainObject(options, 'options', ' such as { routerUrl }')
    for (const name of FOREIGN_OPTIONS) {
      if (Object.hasOwn(rest, name)) throw invalidOption(name, 'is no option of this class')
    }
    const config = readConfig({
      ...rest,
      ...(routerUrl === undefined ? {} : { baseUrl: routerUrl }),
      keyRotationInterval: 0,
    })
    this.#session = new Session(config, false)
    makeDisposable(this)
  }

  /**
   * Generates a key pair and uses it from now on; answers encrypted to the previous one can no longer be
   * decrypted.
   *
   * @throws SecurityError `ERR_KEY_FILE` when the folder holds keys already: none is overwritten
   */
  async generateKeys(options: GenerateKeysOptions = {}): Promise<void> {
    this.#session.assertUsable()
    const { generatorOf } = await loadOwnKeys()
    await this.#useReplyKey(generatorOf(options))
  }

  /**
   * Reads a key pair from files and uses it from now on. Node only.
   *
   * @param publicKeyPath - must match; derived from the private key if omitted
   * @throws SecurityError for files that cannot be read or hold no acceptable key, a wrong password,
   * or two halves that do not belong together
   */
  async loadKeys(privateKeyPath: string, publicKeyPath?: string, password?: string): Promise<void> {
    this.#session.assertUsable()
    const { loaderOf } = await loadOwnKeys()
    const { log } = this.#session.context.config
    await this.#useReplyKey(loaderOf({ privateKeyPath, publicKeyPath, password }, log))
  }

  /** Returns the public key for answers as PEM: the value of `X-Public-Key`, percent-encoded. */
  async publicKey(): Promise<string> {
    return this.#withReplyKey(({ pair }) => Promise.resolve(pair.publicKey.pem))
  }

  /**
   * Returns the gateway's public key as PEM, fetched if necessary, checked against pins, known servers and,
   * where `attestation` requires it before sending, by the machine.
   *
   * @throws SecurityError for a key that is not acceptable, not pinned, or different from the known one
   * @throws AttestationError `ERR_ATTESTATION_FAILED`
   * @throws APIError, APIConnectionError when it cannot be fetched
   */
  async fetchServerPublicKey(): Promise<string> {
    return (await this.#attestedKey()).serverKey.pem
  }

  /**
   * Encrypts a payload to the gateway, after its machine has attested the key where `attestation` requires
   * that.
   *
   * @returns the envelope, as it goes over the wire
   * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
   * @throws AttestationError `ERR_ATTESTATION_FAILED`
   */
  async encryptPayload(payload: object): Promise<Uint8Array<ArrayBuffer>> {
    this.#session.assertUsable()
    const { config } = this.#session.context
    const padded = serializePayload(payload, config.padding)
    try {
      return await this.#withWire1((wire1, stop) => wire1.seal(padded, stop))
    } finally {
      if (config.secureMemory) padded.fill(0)
    }
  }

  /**
   * Decrypts an answer of the gateway, with the checks of {@link SecureChatCompletion.create}.
   *
   * @param payloadId - of the request; an answer that names another one is refused
   * @param payload - the payload of the request; required with `onReceipt`, which records it
   * @throws SecurityError for an answer that cannot be decrypted, was decrypted before, or answers another
   * request
   * @throws AttestationError when its evidence does not reach the required tier
   * @throws APIError for the encrypted error of a refusal (`sealed_error`)
   * @throws InvalidRequestError `ERR_INVALID_REQUEST` without the payload that a receipt needs
   */
  async decryptResponse(
    encryptedResponse: Uint8Array,
    payloadId: string,
    payload?: object,
  ): Promise<ChatCompletion> {
    this.#session.assertUsable()
    bytes(encryptedResponse, 'encryptedResponse')
    if (typeof payloadId !== 'string') throw invalidOption('payloadId', 'must be a string')
    const { context } = this.#session
    const isRecorded = context.config.onReceipt !== undefined
    const sent = isRecorded ? await this.#sentRequest(payload) : undefined
    try {
      return await this.#withReplyKey(({ pair }, wire1) =>
        wire1.open(encryptedResponse, payloadId, pair.privateKey, sent),
      )
    } finally {
      if (context.config.secureMemory) sent?.payload.fill(0)
    }
  }

  /**
   * Sends a request: encrypts, sends, decrypts, with retries. Throws as
   * {@link SecureChatCompletion.create} does.
   *
   * @param payloadId - names the first attempt; retries get ids of their own, so that a gateway can
   * refuse repeats
   */
  async sendSecureRequest<Members extends object = object>(
    payload: RequestWith<Members>,
    payloadId: string,
    apiKey?: string,
    securityTier?: SecurityTier,
    options: RequestOptions = {},
  ): Promise<ChatCompletion> {
    this.#session.assertUsable()
    if (typeof payloadId !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(payloadId)) {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'Nothing was sent: payloadId must be 1 to 200 visible ASCII characters.',
      )
    }
    const routing = {
      apiKey: checkApiKey(apiKey, 'apiKey'),
      securityTier: checkSecurityTier(securityTier),
    }
    const split = splitRequest(payload, this.#session.context.config.padding)
    return this.#session.complete(
      {
        ...split,
        apiKey: routing.apiKey ?? split.apiKey,
        securityTier: routing.securityTier ?? split.securityTier,
      },
      options,
      payloadId,
    )
  }

  /** Aborts calls in flight, disposes of keys and closes connections. Safe to call twice. */
  dispose(): void {
    this.#session.dispose()
  }

  #useReplyKey(make: (wire1: Wire1) => Promise<KeyPair>): Promise<void> {
    return this.#session.run(async () => {
      const wire1 = await this.#session.context.wires.loadWire1()
      wire1.context.replyKeys.replace(await make(wire1))
    })
  }

  #withReplyKey<T>(use: (lease: ReplyKeyLease, wire1: Wire1) => Promise<T>): Promise<T> {
    return this.#session.run(async () => {
      const wire1 = await this.#session.context.wires.loadWire1()
      const lease = await wire1.context.replyKeys.lease()
      try {
        return await use(lease, wire1)
      } finally {
        lease.release()
      }
    })
  }

  #withWire1<T>(use: (wire1: Wire1, stop: AbortSignal) => Promise<T>): Promise<T> {
    const { config, wires } = this.#session.context
    return this.#session.run(
      async (stop) => use(await wires.loadWire1(), stop),
      undefined,
      config.timeout,
    )
  }

  /** The server key, attested where the configuration requires that before sending. */
  #attestedKey(): Promise<Omit<SentRequest, 'payload'>> {
    return this.#withWire1((wire1, stop) => wire1.attestedKey(stop))
  }

  async #sentRequest(payload: object | undefined): Promise<SentRequest> {
    if (payload === undefined) {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'onReceipt needs the payload of the request as the third argument.',
      )
    }
    return { ...(await this.#attestedKey()), payload: serializePayload(payload, 'none') }
  }
}

const loadOwnKeys = (): Promise<typeof import('./wire-1/own-keys.js')> =>
  loadCode(() => import('./wire-1/own-keys.js'), 'own keys')
