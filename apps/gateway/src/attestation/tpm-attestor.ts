import type { TpmAttestation } from '@nomyo/attest'
import { Tpm, TpmError, createQuoter, type Quoter } from '@nomyo/tpm'
import type { FastifyBaseLogger } from 'fastify'
import type { TpmConfig } from '../config/config.js'
import type { Notice } from '../observability/notice.js'
import { cannotAttest, type Attestor } from './attestor.js'
import { within } from './within.js'

/** Longest wait of an answer for its quote. TPMs take milliseconds, old ones a second. */
const DEFAULT_TIMEOUT_MS = 10_000
/** How many quotes may be wanted at the same time. */
const MAX_QUEUED = 128
/** From one attempt to have a TPM back to the next: twice as long each time. */
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 60_000

/**
 * Quotes by a TPM that may be missing, hang, or come back. Once it has failed, a timer asks it again
 * and not every request: until it quotes, requests learn at once that there is no evidence.
 */
export class TpmAttestor implements Attestor {
  readonly kind = 'tpm'
  readonly required: boolean
  readonly #config: TpmConfig
  readonly #notice: Notice
  readonly #timeoutMs: number
  readonly #tpm: Tpm
  /** Undefined while the TPM is not to be had. */
  #quoter: Quoter | undefined
  #lastQuoteAt = 0
  #announced = ''
  #log: FastifyBaseLogger | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #closed = false

  /** @throws TpmError `ERR_TPM_ADDRESS`, `ERR_TPM_INPUT` */
  constructor(config: TpmConfig, notice: Notice) {
    const { address, required, timeoutMs = DEFAULT_TIMEOUT_MS } = config
    this.required = required
    this.#config = config
    this.#notice = notice
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
      this.#notice(
        `no attestation: ${error.message} (${error.code}) The TPM is tried again now and then; ` +
          'give --tpm-required to have no answers without it',
      )
      this.#retryIn(FIRST_RETRY_MS)
    }
  }

  async attest(extraData: Uint8Array): Promise<TpmAttestation> {
    const quoter = this.#quoter
    if (quoter === undefined) return this.#noEvidence()
    const askedAt = performance.now()
    try {
      const quote = await within(this.#timeoutMs, quoter.quote(extraData))
      this.#lastQuoteAt = performance.now()
      return quote
    } catch (error) {
      this.#log?.warn(faultOf(error), 'no quote')
      // Others were quoted meanwhile: the TPM is well, there was only too much for it to do.
      const overburdened = this.#lastQuoteAt > askedAt
      if (!overburdened && !isPassing(error)) this.#lose(quoter)
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

  /** Makes a quoter, which quotes once to see that it can. */
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
        : 'clients can pin this Name, which is worth as much as the channel they get it by'
    this.#notice(`attestation key ${akName} quotes ${this.#config.pcrs}; ${advice}`)
    this.#announced = akName
  }

  /** The key may be gone with the TPM, so the next quoter begins anew. */
  #lose(quoter: Quoter): void {
    // Many requests may have waited for the same failure.
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
      this.#log?.error(faultOf(error), 'the TPM cannot be had')
      this.#retryIn(Math.min(2 * delayMs, LONGEST_RETRY_MS))
    }
  }
}

/** Passes by itself: the PCRs came to no rest, or too many were waiting. */
function isPassing(error: unknown): boolean {
  return error instanceof TpmError && ['ERR_TPM_PCRS_CHANGING', 'ERR_TPM_BUSY'].includes(error.code)
}

/** For logs. What a TpmError says is fixed, or of the TPM: nothing in it is of a request. */
function faultOf(error: unknown): object {
  return error instanceof TpmError
    ? { code: error.code, responseCode: error.responseCode, detail: error.message }
    : { err: error }
}
