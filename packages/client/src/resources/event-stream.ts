import { InvalidRequestError } from '@nomyo/transport'

/**
 * The parts of a streamed answer, as they come. Read once, by `for await`, or by one of its methods. A loop that
 * is left, and an abort of `controller`, end the answer; the model stops.
 */
export class EventStream<Item> implements AsyncIterable<Item> {
  /** Ends the stream: a loop over it ends then, without an error. */
  readonly controller: AbortController
  readonly #items: AsyncIterator<Item>
  #isUsed = false

  /** @internal */
  constructor(items: AsyncIterator<Item>, controller: AbortController) {
    this.#items = items
    this.controller = controller
  }

  /** @throws InvalidRequestError `ERR_INVALID_REQUEST` where the stream is read already */
  [Symbol.asyncIterator](): AsyncIterator<Item> {
    if (this.#isUsed) {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'The stream is already being read. For two readers, use tee().',
      )
    }
    this.#isUsed = true
    return this.#items
  }

  /**
   * Splits the stream in two, which are read independently. What one has read is kept for the other.
   *
   * @throws InvalidRequestError `ERR_INVALID_REQUEST` where the stream is read already
   */
  tee(): [EventStream<Item>, EventStream<Item>] {
    const items = this[Symbol.asyncIterator]()
    const queues: Promise<IteratorResult<Item>>[][] = [[], []]
    const open = new Set(queues)
    const branch = (queue: Promise<IteratorResult<Item>>[]): AsyncIterator<Item> => ({
      next: () => {
        if (!open.has(queue)) return Promise.resolve({ done: true, value: undefined })
        const kept = queue.shift()
        if (kept !== undefined) return kept
        const next = items.next()
        for (const other of open) if (other !== queue) other.push(next)
        return next
      },
      return: async () => {
        open.delete(queue)
        queue.length = 0
        if (open.size === 0) await items.return?.()
        return { done: true, value: undefined }
      },
    })
    const [left = [], right = []] = queues
    return [
      new EventStream(branch(left), this.controller),
      new EventStream(branch(right), this.controller),
    ]
  }

  /**
   * Returns the parts as lines of JSON, in UTF-8, to send on to a browser.
   *
   * @throws InvalidRequestError `ERR_INVALID_REQUEST` where the stream is read already
   */
  toReadableStream(): ReadableStream<Uint8Array> {
    const items = this[Symbol.asyncIterator]()
    const encoder = new TextEncoder()
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const item = await items.next()
          if (item.done === true) controller.close()
          else controller.enqueue(encoder.encode(`${JSON.stringify(item.value)}\n`))
        },
        async cancel() {
          await items.return?.()
        },
      },
      { highWaterMark: 0 },
    )
  }
}
