import { createWholeResponse, type ChunkSealer, type WholeResponse } from '@nomyo/crypto/wire-2'
import { PacedBody } from '@nomyo-internal/http-server'
import { freeBytes } from '../../json/free-bytes.js'

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

  /** Sends signs of life from now on, until the response. */
  keepAlive(): void {
    const pause = this.#pauses.shift()
    if (pause === undefined || this.body.destroyed) return
    this.#timer = setTimeout(() => {
      const interim = this.#response.interim({ status: 102, fields: [] })
      // In the order of the calls: the response comes behind it.
      this.#sealer.seal(interim).then(
        (chunk) => {
          this.#write(chunk)
        },
        (error: unknown) => this.body.destroy(error as Error),
      )
      this.keepAlive()
    }, pause)
  }

  /**
   * Encrypts the response and ends the answer. Its content is overwritten.
   *
   * @returns size of the encrypted response
   */
  async finish({ status, fields, content }: Required<WholeResponse>): Promise<number> {
    clearTimeout(this.#timer)
    this.#pauses.length = 0
    try {
      if (this.body.destroyed) return 0
      const message = this.#response.finalParts({ status, fields, content })
      const sealed = await this.#sealer.seal(message, { final: true })
      this.#write(sealed)
      this.body.complete()
      return sealed.length + this.#sealer.head.length
    } finally {
      content.fill(0)
      freeBytes(content)
    }
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

  #end(): void {
    clearTimeout(this.#timer)
    this.#pauses.length = 0
    this.#sealer.dispose()
  }
}
