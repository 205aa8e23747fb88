import type { RequestOpener } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
import type { BodyParts } from './body-parts.js'
import type { TurnBudget } from './turn-budget.js'

/** Bytes that are opened without a look at the clock: at worst some hundred chunks of one byte each. */
const PIECE_BYTES = 4096
/**
 * Most chunks of a request. A caller that sends single bytes would occupy the processor for longer than its
 * request is worth.
 */
const MAX_CHUNKS = 65_536

/** Decrypts a request chunk by chunk, as it arrives and is asked for. */
export class PlaintextChunks {
  readonly #opener: RequestOpener
  readonly #parts: BodyParts
  readonly #turns: TurnBudget
  readonly #opened: Uint8Array[] = []
  #rest: Uint8Array = new Uint8Array()
  #isOver = false

  constructor(opener: RequestOpener, parts: BodyParts, turns: TurnBudget) {
    this.#opener = opener
    this.#parts = parts
    this.#turns = turns
  }

  /**
   * Returns the plaintext of the next chunk, or undefined after the final one.
   *
   * @param timeoutMs - since the headers of the request
   * @param evicted - ends the wait for it
   * @throws SecurityError of the opener; HttpError 400 when the caller disconnects, 408, 413, 503
   */
  async next(timeoutMs: number, evicted?: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#opened.length === 0) {
      if (this.#isOver) return undefined
      const piece = await this.#nextPiece(timeoutMs, evicted)
      if (piece === undefined) {
        this.#isOver = true
        return this.#opener.end()
      }
      this.#opened.push(...(await this.#opener.push(piece)))
      if (this.#opener.opened > MAX_CHUNKS) {
        throw new HttpError(413, 'The request has too many chunks')
      }
    }
    return this.#opened.shift()
  }

  /** Overwrites what was opened and not asked for. */
  dispose(): void {
    for (const chunk of this.#opened.splice(0)) chunk.fill(0)
    this.#opener.dispose()
    this.#parts.drop()
  }

  async #nextPiece(
    timeoutMs: number,
    evicted: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    if (this.#rest.length === 0) {
      const part = await this.#parts.next(timeoutMs, evicted)
      if (part === undefined) return undefined
      this.#rest = part
    }
    await this.#turns.spend()
    const piece = this.#rest.subarray(0, PIECE_BYTES)
    this.#rest = this.#rest.subarray(PIECE_BYTES)
    return piece
  }
}
