import type { FastifyBaseLogger } from 'fastify'
import type { Logger } from './log.js'

/** Report of work that is tried again and again: a failure is reported once, not at every attempt. */
export class FailureReport {
  readonly #logger: Logger
  readonly #event: string
  readonly #defaultCode: string
  #last = ''

  /**
   * @param event - names the failure in the log
   * @param defaultCode - code of errors without one
   */
  constructor(logger: Logger, event: string, defaultCode: string) {
    this.#logger = logger
    this.#event = event
    this.#defaultCode = defaultCode
  }

  /** Notes a success: the next failure is reported, whichever it is. */
  clear(): void {
    this.#last = ''
  }

  /**
   * Reports a failure, unless it is the one reported last.
   *
   * @param consequence - begins the message for the operator
   */
  report(error: unknown, consequence: string, log: FastifyBaseLogger | undefined): void {
    const { code = this.#defaultCode, message = '' } = error as { code?: string; message?: string }
    const failure = `${code} ${message}`
    if (failure === this.#last) return
    this.#last = failure
    this.#logger.warn(`${consequence}: ${message} (${code})`)
    log?.error({ code, detail: message }, this.#event)
  }
}
