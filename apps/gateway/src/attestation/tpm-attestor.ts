import { withTimeout } from '@nomyo-internal/diagnostics'
import type { TpmAttestation } from '@nomyo/attest'
import { Tpm, TpmError, createQuoter, type Quoter } from '@nomyo/tpm'
import type { FastifyBaseLogger } from 'fastify'
import type { TpmConfig } from '../config/config.js'
import type { Logger } from '../observability/log.js'
import { cannotAttest, type Attestor } from './attestor.js'

/** Longest wait of an answer for its quote. TPMs take milliseconds, old ones a second. */
const DEFAULT_TIMEOUT_MS = 10_000
/** Quotes that may be requested at the same time. */
const MAX_QUEUED = 128
/** Delay between attempts to reach a lost TPM; doubles with each attempt. */
const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 60_000

/**
 * Attestor with a TPM that may be missing, hang, or return. After a failure a timer retries, not every
 * request: until the TPM quotes again, requests learn immediately that no evidence is available.
 */
export class TpmAttestor implements Attestor {
  readonly kind = 'tpm'
  readonly required: boolean
  readonly #config: TpmConfig
  readonly #logger: Logger
  readonly #timeoutMs: number
  readonly #tpm: Tpm
  /** Undefined while the TPM is unavailable. */
  #quoter: Quoter | undefined
  #lastQuoteAt = 0
  #announced = ''
  #log: FastifyBaseLogger | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #closed = false

  /** @throws TpmError `ERR_TPM_ADDRESS`, `ERR_TPM_INPUT` */
  constructor(config: TpmConfig, logger: Logger) {
    const { address, required, timeoutMs = DEFAULT_TIMEOUT_MS } = config
    this.required = required
    this.#config = config
    this.#logger = logger
    this.#timeoutMs = timeoutMs
    this.#tpm = new Tpm(address, { timeoutMs, maxQueued: MAX_QUEUED })
  }

  get ready(): boolean {
    return this.#quoter !== undefined
  }

  async start(log: FastifyBaseLogger): Promise<void> {
    this.#log = log
    try {
      await this.#open()
    } catch (error) {
      if (this.required || !(error instanceof TpmError)) throw error
      this.#logger.warn(
        `no attestation: ${error.message} (${error.code}) The gateway retries the TPM periodically; ` +
          '--tpm-required refuses answers without it',
      )
      this.#retryIn(FIRST_RETRY_MS)
    }
  }

  async attest(extraData: Uint8Array): Promise<TpmAttestation> {
    const quoter = this.#quoter
    if (quoter === undefined) return this.#noEvidence()
    const askedAt = performance.now()
    try {
      const quote = await withTimeout(quoter.quote(extraData), this.#timeoutMs, tookTooLong)
      this.#lastQuoteAt = performance.now()
      return quote
    } catch (error) {
      this.#log?.warn(failureFacts(error), 'no quote')
      // Other requests were quoted meanwhile: the TPM works, and only its queue was too long.
      const overloaded = this.#lastQuoteAt > askedAt
      if (!overloaded && !isTransient(error)) this.#lose(quoter)
      return this.#noEvidence()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#tpm.close()
  }

  #noEvidence(): TpmAttestation {
    if (this.required) throw cannotAttest()
    return { is_available: false }
  }

  /** Creates a quoter, which proves with a first quote that it works. */
  async #open(): Promise<void> {
    const { pcrs, ak } = this.#config
    const quoter = await createQuoter({ tpm: this.#tpm, pcrs, ak })
    this.#announce(Buffer.from(quoter.akName).toString('hex'))
    this.#quoter = quoter
  }

  #announce(akName: string): void {
    if (akName === this.#announced) return
    const advice =
      this.#config.ak.mode === 'ephemeral'
        ? 'it lasts until the gateway stops and cannot be pinned'
        : 'clients can pin this Name; the pin is as trustworthy as the channel that delivers it'
    this.#logger.info(`attestation key ${akName} quotes ${this.#config.pcrs}; ${advice}`)
    this.#announced = akName
  }

  /** Drops a quoter: its key may be lost with the TPM, so the next one starts anew. */
  #lose(quoter: Quoter): void {
    // Several requests may report the same failure.
    if (this.#quoter !== quoter) return
    this.#quoter = undefined
    this.#retryIn(FIRST_RETRY_MS)
  }

  #retryIn(delayMs: number): void {
    if (this.#closed) return
    this.#retry = setTimeout(() => void this.#reopen(delayMs), delayMs).unref()
  }

  async #reopen(delayMs: number): Promise<void> {
    try {
      await this.#open()
      this.#log?.info('the TPM quotes again')
    } catch (error) {
      if (this.#closed) return
      this.#log?.error(failureFacts(error), 'the TPM is unavailable')
      this.#retryIn(Math.min(2 * delayMs, MAX_RETRY_MS))
    }
  }
}

const tookTooLong = (): TpmError => new TpmError('ERR_TPM_TIMEOUT', 'The TPM took too long.')

/** Checks for failures that pass without a new quoter: changing PCRs, or too many requests. */
const isTransient = (error: unknown): boolean =>
  error instanceof TpmError && ['ERR_TPM_PCRS_CHANGING', 'ERR_TPM_BUSY'].includes(error.code)

/** Describes a failure for logs. The text of a TpmError is fixed or comes from the TPM, never from a request. */
const failureFacts = (error: unknown): object =>
  error instanceof TpmError
    ? { code: error.code, responseCode: error.responseCode, detail: error.message }
    : { err: error }
