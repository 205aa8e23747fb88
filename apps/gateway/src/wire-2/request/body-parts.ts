import type { IncomingMessage } from 'node:http'
import { OverloadedError } from '../../completion/load/load-shedder.js'
import { HttpError } from '../../http-error.js'

/** Time for the rest of a body that is not used. */
const DISCARD_MS = 30_000

/** Body of a request, part by part. The connection waits while no part is asked for. */
export class BodyParts {
  readonly #request: IncomingMessage
  readonly #startedAt = performance.now()
  readonly #arrived: Buffer[] = []
  #isComplete = false
  /** Creates the error of every later call. */
  #failure: (() => HttpError) | undefined
  #notify: (() => void) | undefined
  #received = 0

  constructor(request: IncomingMessage) {
    this.#request = request
    // No event follows for a caller that disconnected before.
    if (request.destroyed) this.#failure = malformed
    request.pause()
    request
      .on('data', this.#onData)
      .once('end', this.#onEnd)
      .once('error', this.#onGone)
      .once('close', this.#onGone)
  }

  /** Number of bytes that arrived. */
  get received(): number {
    return this.#received
  }

  /** Milliseconds since the headers of the request. */
  get ageMs(): number {
    return performance.now() - this.#startedAt
  }

  /**
   * Returns the next part, or undefined after the last one.
   *
   * @param timeoutMs - since the headers of the request
   * @param evicted - ends the wait for it
   * @throws HttpError 400 when the caller disconnects; 408; 503 when it is evicted
   */
  async next(timeoutMs: number, evicted?: AbortSignal): Promise<Buffer | undefined> {
    while (this.#arrived.length === 0) {
      if (this.#isComplete) return undefined
      if (this.#failure !== undefined) throw this.#failure()
      if (evicted?.aborted === true) throw new OverloadedError()
      await this.#event(evicted, timeoutMs - this.ageMs)
    }
    return this.#arrived.shift()
  }

  /** Drops what follows, so that the next request on the connection can be read. */
  drop(): void {
    this.#request.off('data', this.#onData)
    this.#arrived.length = 0
    this.#failure ??= malformed
    this.#notify?.()
    this.#request.resume()
    if (this.#isComplete || this.#request.destroyed) return
    // A caller that is still sending would have its connection reset, and lose the answer.
    const timer = setTimeout(() => this.#request.destroy(), DISCARD_MS).unref()
    this.#request.once('close', () => {
      clearTimeout(timer)
    })
  }

  async #event(evicted: AbortSignal | undefined, timeoutMs: number): Promise<void> {
    const timedOut = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(
        () => {
          resolve(true)
        },
        Math.max(0, timeoutMs),
      )
      this.#notify = () => {
        clearTimeout(timer)
        resolve(false)
      }
      evicted?.addEventListener('abort', this.#notify)
      this.#request.resume()
    })
    if (this.#notify !== undefined) evicted?.removeEventListener('abort', this.#notify)
    this.#notify = undefined
    this.#request.pause()
    if (timedOut) this.#failure ??= late
  }

  readonly #onData = (part: Buffer): void => {
    this.#received += part.length
    this.#arrived.push(part)
    this.#request.pause()
    this.#notify?.()
  }

  readonly #onEnd = (): void => {
    this.#isComplete = true
    this.#notify?.()
  }

  readonly #onGone = (): void => {
    if (!this.#isComplete) this.#failure ??= malformed
    this.#notify?.()
  }
}

const late = (): HttpError => new HttpError(408, 'The request took too long to arrive')

const malformed = (): HttpError => new HttpError(400, 'The request is malformed')
