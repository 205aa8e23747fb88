import { SecurityError } from '@nomyo/crypto/errors'
import { APIConnectionError, type Deadline } from '@nomyo/transport'
import { ContentBuffer } from '../wire-2/content-buffer.js'
import type { OpenAnswer } from '../wire-2/read-answer.js'

/** Authentic content that waits for its reader; the network waits from here on. */
const MAX_WAITING_BYTES = 64 * 1024

/** The call that an answer belongs to. */
export interface AnsweredCall {
  /** Ends with the answer; aborting it ends the answer. */
  readonly deadline: Deadline
  /** Aborts when the caller no longer wants the answer. */
  readonly stop: AbortSignal
  /** The caller's own: `stop` hears it only while the answer arrives. */
  readonly signal: AbortSignal | undefined
  readonly id: string
  /** Milliseconds of silence, unless the reader causes it. */
  readonly idleMs: number
  /** Most bytes of content. */
  readonly maxBytes: number
}

/**
 * The content of an answer, read a little ahead of its reader. Authentic parts are handed out before the
 * error that ends an answer, except where the caller ended it.
 */
export class ContentQueue {
  /** Resolves when nothing more arrives. */
  readonly closed: Promise<void>
  readonly #call: AnsweredCall
  #parts: Uint8Array[] = []
  #waiting = 0
  #total = 0
  #end: { readonly error?: unknown } | undefined
  #wakeReader = (): void => undefined
  #wakeNetwork = (): void => undefined

  constructor(answer: OpenAnswer, call: AnsweredCall) {
    this.#call = call
    this.closed = this.#readAll(answer)
    this.touch()
  }

  /** Takes note of a sign of life. */
  touch(): void {
    const isWaitedFor = this.#waiting < MAX_WAITING_BYTES
    const { deadline, idleMs } = this.#call
    if (this.#end === undefined) {
      deadline.restart(isWaitedFor ? idleMs : undefined, 'No further part of the answer')
    }
  }

  /**
   * Returns the next part, undefined at the authenticated end.
   *
   * @throws the error that ended the answer
   */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { stop, signal } = this.#call
      if (stop.aborted || signal?.aborted === true) {
        this.#drop()
        throw stop.aborted ? stop.reason : aborted(signal?.reason)
      }
      const part = this.#parts.shift()
      if (part !== undefined) {
        this.#waiting -= part.length
        this.#wakeNetwork()
        return part
      }
      if (this.#end !== undefined) {
        if ('error' in this.#end) throw this.#end.error
        return undefined
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
  }

  /** Shows parts, which stay in the queue, until one is enough or no more come. */
  async peek(isEnough: (part: Uint8Array) => boolean): Promise<void> {
    // In one buffer: parts may be many, and of a byte each.
    const seen = new ContentBuffer()
    for (;;) {
      const part = await this.next()
      if (part === undefined) break
      seen.append(part)
      if (isEnough(part)) break
    }
    const joined = seen.take()
    if (joined.length > 0) this.#parts.unshift(joined)
    this.#waiting += joined.length
  }

  /** Ends the answer; the connection is closed. */
  cancel(): void {
    this.#call.deadline.abort(
      new APIConnectionError('ERR_ABORTED', 'The reader of the answer cancelled it.'),
    )
    this.#drop()
  }

  async #readAll(answer: OpenAnswer): Promise<void> {
    const { deadline, id } = this.#call
    try {
      await answer.read((part) => this.#add(part))
      this.#end = {}
    } catch (error) {
      if (error instanceof SecurityError || error instanceof APIConnectionError) {
        error.payloadId ??= id
      }
      this.#end = { error }
    } finally {
      deadline.clear()
      this.#wakeReader()
      this.#wakeNetwork()
    }
  }

  async #add(part: Uint8Array): Promise<void> {
    const { maxBytes } = this.#call
    this.#total += part.length
    if (this.#total > maxBytes) {
      throw new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The answer is larger than allowed.')
    }
    this.#parts.push(part.slice())
    this.#waiting += part.length
    this.#wakeReader()
    while (this.#waiting >= MAX_WAITING_BYTES && this.#end === undefined) {
      this.touch()
      await new Promise<void>((resolve) => {
        this.#wakeNetwork = resolve
      })
      this.touch()
    }
  }

  #drop(): void {
    for (const part of this.#parts) part.fill(0)
    this.#parts = []
    this.#waiting = 0
    this.#wakeNetwork()
  }
}

const aborted = (reason: unknown): unknown =>
  reason instanceof APIConnectionError
    ? reason
    : new APIConnectionError('ERR_ABORTED', 'The request was aborted by the caller.')

/** Creates the body of a response. */
export function streamOf(queue: ContentQueue): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const part = await queue.next()
        if (part === undefined) controller.close()
        else controller.enqueue(part)
      },
      cancel() {
        queue.cancel()
      },
    },
    // Nothing is queued here, so that an error takes away no part.
    { highWaterMark: 0 },
  )
}
