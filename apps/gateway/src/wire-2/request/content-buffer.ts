import { HttpError } from '../../http-error.js'

/** Most pieces of content: a message of indeterminate length may come in single bytes. */
const MAX_PIECES = 65_536

/** Collects the content of a request in one array. */
export class ContentBuffer {
  readonly #bytes: Buffer
  #length = 0
  #pieces = 0

  /** @param maxBytes - size of the encrypted request, or its limit; its content is smaller */
  constructor(maxBytes: number) {
    // Takes memory only where it is written to.
    this.#bytes = Buffer.allocUnsafeSlow(maxBytes)
  }

  /** Checks whether a piece fits. */
  hasRoom({ length }: Uint8Array): boolean {
    return this.#length + length <= this.#bytes.length
  }

  /**
   * Copies a piece.
   *
   * @throws HttpError 413
   */
  add(piece: Uint8Array): void {
    if (++this.#pieces > MAX_PIECES || this.#length + piece.length > this.#bytes.length) {
      throw new HttpError(413, 'The request has too many pieces')
    }
    this.#bytes.set(piece, this.#length)
    this.#length += piece.length
  }

  /** All of it, without a copy. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
