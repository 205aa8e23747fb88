import { hash } from 'node:crypto'
import { HttpError } from '../http-error.js'

const RETRY_AFTER_S = 5

/** Idempotency keys of requests that are being answered, each in the scope of its caller. */
export class WorkInProgress {
  readonly #keys = new Set<string>()

  /**
   * Does work under an idempotency key, unless other work of the caller has it now.
   *
   * @param key - without one, the work is done in any case
   * @throws HttpError 409
   */
  async during<T>(caller: string, key: string | undefined, work: () => Promise<T>): Promise<T> {
    if (key === undefined) return work()
    // Of one length, unlike the keys of callers.
    const digest = hash('sha256', JSON.stringify([caller, key]), 'base64')
    if (this.#keys.has(digest)) throw inProgress()
    this.#keys.add(digest)
    try {
      return await work()
    } finally {
      this.#keys.delete(digest)
    }
  }
}

const inProgress = (): HttpError =>
  new HttpError(
    409,
    'A request with this idempotency key is in progress: wait for its answer',
    RETRY_AFTER_S,
    'in_progress',
  )
