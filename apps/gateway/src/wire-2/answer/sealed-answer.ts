import { padmeLength } from '@nomyo/crypto/envelope'
import {
  createStreamedResponse,
  createWholeResponse,
  type ChunkSealer,
  type ResponseHead,
  type WholeResponse,
} from '@nomyo/crypto/wire-2'
import { PacedBody } from '@nomyo-internal/http-server'
import { freeBytes } from '../../json/free-bytes.js'
import { StreamedAnswer, type StreamSettings } from './stream/streamed-answer.js'

/** Shorter responses are as long as this. */
const LEAST_BYTES = 512
/** Size of the parts that are handed on at once. */
const PART_BYTES = 256 * 1024

/**
 * Pauses between signs of life, in milliseconds. Readers take 16 of them: the first ones are for proxies that
 * wait for a quarter of a minute, the others for those that wait for one, until the longest answer of a model server by default.
 */
export const HEARTBEATS_MS: readonly number[] = [
  ...Array.from({ length: 4 }, () => 15_000),
  ...Array.from({ length: 12 }, () => 45_000),
]

/** Answer that is encrypted for the sender of a request, as it is sent. */
export class SealedAnswer {
  /** Body of the HTTP response. */
  readonly body = new PacedBody()
  readonly #sealer: ChunkSealer
  readonly #response = createWholeResponse()
  readonly #streamed = createStreamedResponse()
  /** Bytes of the signs of life in the form of a streamed response, whose form the rest has then. */
  #streamedBytes = 0
  #isStreamed = false
  readonly #pauses: number[]
  #timer: NodeJS.Timeout | undefined
  #hasBegun = false

  constructor(sealer: ChunkSealer, heartbeatsMs: readonly number[] = HEARTBEATS_MS) {
    this.#sealer = sealer
    this.#pauses = [...heartbeatsMs]
    this.body.once('close', () => {
      this.#end()
    })
  }

  /**
   * Sends signs of life from now on, until the response.
   *
   * @param isStreamed - the response has content that comes in parts; may be told until the first sign is sent
   */
  keepAlive(isStreamed = false): void {
    if (!this.#hasBegun) this.#isStreamed = isStreamed
    if (this.#timer === undefined) this.#signLater()
  }

  #signLater(): void {
    const pause = this.#pauses.shift()
    if (pause === undefined || this.body.destroyed) return
    this.#timer = setTimeout(() => {
      const writer = this.#isStreamed ? this.#streamed : this.#response
      const interim = writer.interim({ status: 102, fields: [] })
      if (this.#isStreamed) this.#streamedBytes += interim.length
      // In the order of the calls: the response comes behind it.
      this.#sealer.seal(interim).then(
        (chunk) => {
          this.#write(chunk)
        },
        (error: unknown) => this.body.destroy(error as Error),
      )
      this.#signLater()
    }, pause)
  }

  /**
   * Encrypts the response and ends the answer. Its content is overwritten.
   *
   * @returns size of the encrypted response
   */
  async finish({ status, fields, content }: Required<WholeResponse>): Promise<number> {
    this.#stopSigns()
    try {
      if (this.body.destroyed) return 0
      const message =
        this.#streamedBytes > 0
          ? this.#wholeInParts({ status, fields, content })
          : this.#response.finalParts({ status, fields, content })
      const sealed = await this.#sealer.seal(message, { final: true })
      this.#write(sealed)
      this.body.complete()
      return sealed.length + this.#sealer.head.length
    } finally {
      content.fill(0)
      freeBytes(content)
    }
  }

  /**
   * Begins a response whose content comes in parts. Its head leaves with the first of them.
   *
   * @param isEvents - the content is events, between which comments may stand
   * @param onSlowReader - called when the caller does not read, before the connection is closed
   */
  stream(
    head: ResponseHead,
    settings: StreamSettings,
    { isEvents, onSlowReader }: { isEvents: boolean; onSlowReader: () => void },
  ): StreamedAnswer {
    if (this.#hasBegun && !this.#isStreamed)
      throw new Error('keep-alive parts of another form were sent')
    this.#stopSigns()
    const send = async (plaintext: readonly Uint8Array[], final: boolean): Promise<number> => {
      const sealed = await this.#sealer.seal(plaintext, { final })
      this.#write(sealed)
      return sealed.length
    }
    const writer = this.#streamed
    const parts = { writer, head: writer.head(head), body: this.body, send, onSlowReader }
    return new StreamedAnswer(parts, settings, isEvents)
  }

  /** Cuts the connection: the caller notices that the answer is not whole. */
  abort(): void {
    this.body.destroy(new Error('the answer cannot be completed'))
  }

  #write(bytes: Uint8Array): void {
    if (this.body.destroyed) return
    // In parts, so that it is copied, and encrypted by TLS, in turns.
    let first = bytes.subarray(0, PART_BYTES)
    if (!this.#hasBegun) first = Buffer.concat([this.#sealer.head, first])
    this.#hasBegun = true
    this.body.push(first)
    for (let at = PART_BYTES; at < bytes.length; at += PART_BYTES) {
      this.body.push(bytes.subarray(at, at + PART_BYTES))
    }
  }

  /** Writes a whole response behind signs of life of the other form, and hides its length in the same way. */
  #wholeInParts({ content, ...head }: Required<WholeResponse>): Uint8Array[] {
    const writer = this.#streamed
    const parts = [writer.head(head), writer.content(content), writer.end()]
    const length = parts.reduce((sum, part) => sum + part.length, this.#streamedBytes)
    return [...parts, new Uint8Array(padmeLength(Math.max(LEAST_BYTES, length)) - length)]
  }

  #stopSigns(): void {
    clearTimeout(this.#timer)
    this.#pauses.length = 0
  }

  #end(): void {
    this.#stopSigns()
    this.#sealer.dispose()
  }
}
