import type { KeyPair } from '@nomyo/crypto'
import { InvalidRequestError } from '@nomyo/transport'
import type { SentRequest } from '../completion/receipt.js'
import { serializePayload } from '../completion/seal-request.js'
import { bytes, invalidOption } from '../config/checks.js'
import type { Session } from '../session.js'
import type { ChatCompletion } from '../types/response.js'
import { generatorOf, loaderOf, type GenerateKeysOptions, type OwnKeyFiles } from './own-keys.js'
import type { ReplyKeyLease } from './reply-key-manager.js'
import type { Wire1 } from './wire-1.js'

/** The single steps of a completion on wire 1; `SecureCompletionClient` documents them. */
export class Steps {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async generateKeys(options: GenerateKeysOptions): Promise<void> {
    await this.#useReplyKey(generatorOf(options))
  }

  async loadKeys(files: OwnKeyFiles): Promise<void> {
    await this.#useReplyKey(loaderOf(files, this.#session.context.config.log))
  }

  publicKey(): Promise<string> {
    return this.#withReplyKey(({ pair }) => Promise.resolve(pair.publicKey.pem))
  }

  async serverPublicKey(): Promise<string> {
    return (await this.#attestedKey()).serverKey.pem
  }

  encrypt(padded: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return this.#withWire1((wire1, stop) => wire1.seal(padded, stop))
  }

  async decrypt(
    encryptedResponse: Uint8Array,
    payloadId: string,
    payload: object | undefined,
  ): Promise<ChatCompletion> {
    bytes(encryptedResponse, 'encryptedResponse')
    if (typeof payloadId !== 'string') throw invalidOption('payloadId', 'must be a string')
    const { config } = this.#session.context
    const isRecorded = config.onReceipt !== undefined
    const sent = isRecorded ? await this.#sentRequest(payload) : undefined
    try {
      return await this.#withReplyKey(({ pair }, wire1) =>
        wire1.open(encryptedResponse, payloadId, pair.privateKey, sent),
      )
    } finally {
      if (config.secureMemory) sent?.payload.fill(0)
    }
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
