import { InvalidRequestError } from '@nomyo/transport'
import { apiKey as checkApiKey, invalidOption, plainObject } from './config/checks.js'
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
import type { GenerateKeysOptions } from './wire-1/own-keys.js'
import type { Steps } from './wire-1/steps.js'

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
      if (Object.hasOwn(rest, name)) throw invalidOption(name, 'is not an option of this class')
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
    await (await this.#steps()).generateKeys(options)
  }

  /**
   * Reads a key pair from files and uses it from now on. Node only.
   *
   * @param publicKeyPath - must match; derived from the private key if omitted
   * @throws SecurityError for files that cannot be read or hold no acceptable key, a wrong password,
   * or two halves that do not belong together
   */
  async loadKeys(privateKeyPath: string, publicKeyPath?: string, password?: string): Promise<void> {
    await (await this.#steps()).loadKeys({ privateKeyPath, publicKeyPath, password })
  }

  /** Returns the public key for answers as PEM: the value of `X-Public-Key`, percent-encoded. */
  async publicKey(): Promise<string> {
    return (await this.#steps()).publicKey()
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
    return (await this.#steps()).serverPublicKey()
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
      return await (await this.#steps()).encrypt(padded)
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
    return (await this.#steps()).decrypt(encryptedResponse, payloadId, payload)
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

  #steps(): Promise<Steps> {
    return this.#session.run(async () => {
      const { Steps } = await loadCode(() => import('./wire-1/steps.js'), 'single steps')
      return new Steps(this.#session)
    })
  }
}
