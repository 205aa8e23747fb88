import { RedisError } from './error-code.js'

/** Redis answers in a millisecond. One that hangs must not block requests. */
const MAX_WAIT_MS = 1000

/** Time that one request waits for Redis, over all of its commands. */
export class WaitBudget {
  #remainingMs: number

  constructor(ms = MAX_WAIT_MS) {
    this.#remainingMs = ms
  }

  get exhausted(): boolean {
    return this.#remainingMs <= 0
  }

  /**
   * Waits for a command, at most for what remains.
   *
   * @throws RedisError `TIMEOUT`
   */
  async spend<T>(command: Promise<T>): Promise<T> {
    const startedAt = performance.now()
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#remainingMs = 0
        reject(new RedisError('TIMEOUT'))
      }, this.#remainingMs)
    })
    try {
      return await Promise.race([command, timeout])
    } finally {
      clearTimeout(timer)
      this.#remainingMs -= performance.now() - startedAt
    }
  }
}
