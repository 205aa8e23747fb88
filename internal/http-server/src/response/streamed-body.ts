import { PacedBody } from './paced-body.js'

/** Options of a {@link StreamedBody}. */
export interface StreamedBodyOptions {
  /** Time in which a caller takes what was sent, before its connection is closed, in milliseconds. */
  readonly stallMs: number
}

/**
 * Body of a response that is passed on while it arrives. The next part is requested once the caller has taken
 * those before it; a caller that takes none for too long, or disconnects, ends the source.
 */
export class StreamedBody extends PacedBody {
  readonly #parts: AsyncIterator<Uint8Array | string, undefined>
  readonly #stallMs: number
  #isReading = false
  #stall: NodeJS.Timeout | undefined

  constructor(parts: AsyncIterable<Uint8Array | string>, { stallMs }: StreamedBodyOptions) {
    super()
    this.#parts = parts[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string, undefined>
    this.#stallMs = stallMs
  }

  override _read(): void {
    clearTimeout(this.#stall)
    if (this.#isReading) return
    this.#isReading = true
    void this.#readOne()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#stall)
    // A source that is waiting for its next part ends by its own signal.
    this.#parts.return?.().catch(() => undefined)
    callback(error)
  }

  async #readOne(): Promise<void> {
    try {
      const { value } = await this.#parts.next()
      if (this.destroyed) return
      this.#isReading = false
      if (value === undefined) {
        this.complete()
        return
      }
      // True calls `_read` again by itself.
      if (this.push(value)) return
      this.#stall = setTimeout(() => {
        this.destroy(new Error('the caller does not read its response'))
      }, this.#stallMs)
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error('the source failed'))
    }
  }
}
