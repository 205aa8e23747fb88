import { createBhttpReader, type BhttpEvent, type RequestHead } from '@nomyo/crypto/wire-2'
import { ContentBuffer } from './content-buffer.js'
import type { TurnBudget } from './turn-budget.js'

/** Bytes that are read at once: at worst, each is a piece of content with its length. */
const PIECE_BYTES = 2048
/** The same for content that is not collected. */
const STREAMED_BYTES = 16 * 1024

/** Reads the Binary HTTP of a request: its head first, and its content when it is asked for. */
export class RequestMessage {
  readonly #reader
  readonly #turns: TurnBudget
  #rest: Uint8Array
  #content: Uint8Array[] = []
  /** Control data and fields; undefined where they are not whole in the first chunk. */
  readonly head: RequestHead | undefined

  /**
   * Reads the head, and no more of the first chunk than that takes.
   *
   * @throws SecurityError
   */
  constructor(firstChunk: Uint8Array, turns: TurnBudget) {
    this.#reader = createBhttpReader('request', { maxHeadBytes: firstChunk.length + 1 })
    this.#turns = turns
    this.#rest = firstChunk
    while (this.head === undefined && this.#rest.length > 0) {
      const [first, ...others] = this.#reader.push(this.#rest.subarray(0, PIECE_BYTES))
      this.#rest = this.#rest.subarray(PIECE_BYTES)
      if (first?.type !== 'request') continue
      this.head = first
      this.#content = contentOf(others)
    }
  }

  /**
   * Reads the rest, which counts only as a whole.
   *
   * @param next - returns the next chunk, which is overwritten, or undefined after the final one
   * @param maxBytes - size of the encrypted request, or its limit
   * @throws SecurityError, HttpError 413; and what `next` throws
   */
  async readContent(
    next: () => Promise<Uint8Array | undefined>,
    maxBytes: number,
  ): Promise<Uint8Array> {
    const buffer = new ContentBuffer(maxBytes)
    try {
      for (const piece of this.#content) buffer.add(piece)
      for (
        let chunk: Uint8Array | undefined = this.#rest;
        chunk !== undefined;
        chunk = await next()
      ) {
        try {
          for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
            const events = this.#reader.push(chunk.subarray(at, at + PIECE_BYTES))
            for (const piece of contentOf(events)) buffer.add(piece)
            await this.#turns.spend()
          }
        } finally {
          chunk.fill(0)
        }
      }
      this.#reader.end()
      return buffer.bytes
    } catch (error) {
      buffer.bytes.fill(0)
      throw error
    }
  }

  /**
   * Reads the rest as it arrives, and ends where the message does: once its final chunk is authentic. Until then
   * the content is authentic, and in its order, but may be a part. A piece is valid until the next one is asked
   * for.
   *
   * Throws SecurityError, and what `next` throws.
   *
   * @param next - returns the next chunk, which is overwritten, or undefined after the final one
   */
  async *streamContent(
    next: () => Promise<Uint8Array | undefined>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (const piece of this.#content) if (piece.length > 0) yield piece
    for (
      let chunk: Uint8Array | undefined = this.#rest;
      chunk !== undefined;
      chunk = await next()
    ) {
      try {
        for (let at = 0; at < chunk.length; at += STREAMED_BYTES) {
          for (const piece of contentOf(
            this.#reader.push(chunk.subarray(at, at + STREAMED_BYTES)),
          )) {
            if (piece.length > 0) yield piece
          }
          await this.#turns.spend()
        }
      } finally {
        chunk.fill(0)
      }
    }
    this.#reader.end()
  }
}

/** Selects the content among the parts of a message. */
const contentOf = (events: readonly BhttpEvent[]): Uint8Array[] =>
  events.flatMap((event) => ('bytes' in event ? [event.bytes] : []))
