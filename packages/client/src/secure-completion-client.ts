import { platform } from '#platform'
import { generateKeyPair, openJson, sealEnvelope } from '@nomyo/crypto'
import { InvalidRequestError, startDeadline } from '@nomyo/transport'
import { appraiseAnswer } from './attestation/answer.js'
import {
  checkApiKey,
  readConfig,
  type ClientConfig,
  type SecureChatCompletionOptions,
} from './config/options.js'
import { makeDisposable } from './disposable.js'
import type { ReplyKeyLease } from './keys/reply-key-manager.js'
import { checkSecurityTier, serializePayload, splitRequest } from './completion/seal-request.js'
import { checkPayloadId, toChatCompletion } from './completion/open-response.js'
import { Session, type RequestOptions } from './session.js'
import type { KeyFiles } from './platform/platform.js'
import type { ChatCompletion, ChatCompletionRequest, SecurityTier } from './types/index.js'

/** As for {@link SecureChatCompletion}; keys are managed by calls, not by rotation. */
export interface SecureCompletionClientOptions extends Omit<
  SecureChatCompletionOptions,
  'baseUrl' | 'keyRotationInterval' | 'keyRotationDir' | 'replyKeys'
> {
  /** Address of the gateway. Default as `baseUrl` of {@link SecureChatCompletion}. */
  routerUrl?: string | undefined
}

/** How to make a key pair. */
export interface GenerateKeysOptions {
  /** Also saves it. Node only. Default false. */
  saveToFile?: boolean | undefined
  /** Folder for the files; it must not hold keys yet. Default `client_keys`. */
  keyDir?: string | undefined
  /** Encrypts the private key file. */
  password?: string | undefined
}

/**
 * The steps of a sealed chat completion one by one: keys, sealing, opening, and all of it at once.
 * {@link SecureChatCompletion} is the comfortable way; this one is for those who carry envelopes
 * themselves or keep a key of their own.
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
    const { routerUrl, ...rest } = options
    const config = readConfig({
      ...rest,
      ...(routerUrl === undefined ? {} : { baseUrl: routerUrl }),
      keyRotationInterval: 0,
    })
    this.#session = new Session(config, false)
    makeDisposable(this)
  }

  /**
   * Makes a new key pair and uses it from now on; answers sealed to the one before cannot be opened
   * any more.
   *
   * @throws SecurityError `ERR_KEY_FILE` when the folder holds keys already: none is overwritten
   */
  async generateKeys(options: GenerateKeysOptions = {}): Promise<void> {
    this.#session.assertUsable()
    const { saveToFile = false, keyDir = 'client_keys', password } = options
    const pair = saveToFile
      ? await keyFiles('saveToFile').create(keyDir, password)
      : await generateKeyPair()
    this.#session.context.replyKeys.replace(pair)
  }

  /**
   * Reads a key pair from files and uses it from now on. Node only.
   *
   * @param publicKeyPath - must match; derived from the private key if left out
   * @throws SecurityError for files that cannot be read or hold no acceptable key, a wrong password,
   * or two halves that do not belong together
   */
  async loadKeys(privateKeyPath: string, publicKeyPath?: string, password?: string): Promise<void> {
    this.#session.assertUsable()
    const pair = await keyFiles('loadKeys').load(privateKeyPath, publicKeyPath, password)
    this.#session.context.replyKeys.replace(pair)
  }

  /** The public key answers are sealed to, as PEM: what belongs into `X-Public-Key`, percent-encoded. */
  async publicKey(): Promise<string> {
    return this.#withReplyKey(({ pair }) => Promise.resolve(pair.publicKey.pem))
  }

  /**
   * The gateway's public key as PEM; fetched if need be, judged, and held against pins and known
   * servers.
   */
  async fetchServerPublicKey(): Promise<string> {
    this.#session.assertUsable()
    return this.#beforeDeadline(
      async (signal) => (await this.#session.context.serverKey.get(signal)).pem,
    )
  }

  /**
   * Seals a payload for the gateway; where `attestation` says so, once its machine has vouched for the
   * key. A canary is not sent from here: servers that need one are refused.
   *
   * @returns the envelope, as it goes over the wire
   * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
   */
  async encryptPayload(payload: Record<string, unknown>): Promise<Uint8Array<ArrayBuffer>> {
    this.#session.assertUsable()
    const { config, serverKey, attestation } = this.#session.context
    const padded = serializePayload(payload, config.padding)
    return this.#beforeDeadline(async (signal) => {
      try {
        const key = await serverKey.get(signal)
        if (attestation?.config.when === 'before-send') await attestation.key.attest(key, signal)
        return await sealEnvelope(padded, key)
      } finally {
        if (config.secureMemory) padded.fill(0)
      }
    })
  }

  /**
   * Opens an answer of the gateway.
   *
   * @param payloadId - of the request; an answer that names another one is refused
   * @throws SecurityError when it cannot be opened, or is the answer to another request
   * @throws AttestationError when its evidence does not reach the wanted tier
   */
  async decryptResponse(encryptedResponse: Uint8Array, payloadId: string): Promise<ChatCompletion> {
    return this.#withReplyKey(async ({ pair }) => {
      const opened = await openJson(encryptedResponse, pair.privateKey)
      checkPayloadId(opened.value, payloadId)
      const { attestation } = this.#session.context
      return toChatCompletion(
        opened,
        payloadId,
        attestation && (await appraiseAnswer(opened, payloadId, attestation)),
      )
    })
  }

  /**
   * Carries a request through: seals, sends, opens, with retries.
   *
   * @param payloadId - names the first attempt; retries get ids of their own, so that a gateway can
   * refuse repeats
   */
  async sendSecureRequest(
    payload: ChatCompletionRequest,
    payloadId: string,
    apiKey?: string,
    securityTier?: SecurityTier,
    options: RequestOptions = {},
  ): Promise<ChatCompletion> {
    this.#session.assertUsable()
    if (!/^[\x21-\x7e]{1,200}$/.test(payloadId)) {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'Nothing was sent: payloadId must be 1 to 200 visible ASCII characters.',
      )
    }
    const split = splitRequest(payload, this.#session.context.config.padding)
    return this.#session.complete(
      {
        ...split,
        apiKey: checkApiKey(apiKey, 'apiKey') ?? split.apiKey,
        securityTier: checkSecurityTier(securityTier) ?? split.securityTier,
      },
      options,
      payloadId,
    )
  }

  /** Ends calls in flight and lets go of keys and connections. Safe to call twice. */
  dispose(): void {
    this.#session.dispose()
  }

  async #withReplyKey<T>(use: (lease: ReplyKeyLease) => Promise<T>): Promise<T> {
    this.#session.assertUsable()
    const lease = await this.#session.context.replyKeys.lease()
    try {
      return await use(lease)
    } finally {
      lease.release()
    }
  }

  async #beforeDeadline<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs }: ClientConfig = this.#session.context.config
    const deadline = startDeadline(timeoutMs)
    try {
      return await work(deadline.signal)
    } finally {
      deadline.clear()
    }
  }
}

function keyFiles(asked: string): KeyFiles {
  if (platform.keyFiles !== undefined) return platform.keyFiles
  throw new InvalidRequestError(
    'ERR_INVALID_OPTION',
    `${asked} needs a file system; keys stay in memory here.`,
  )
}
