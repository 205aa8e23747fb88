import { requireFunction, requireMethod, requireOptions } from './arguments.js'
import { TpmError } from './errors.js'
import { createTpmTransport } from './transports/create.js'
import { errnoCode, type TpmTransport } from './transports/transport.js'
import {
  decodeResponse,
  encodeCommand,
  responseCodeOf,
  type SendCommand,
  type TpmCommand,
} from './wire/command.js'
import { TPM_RC, isTransient } from './wire/response-codes.js'
import type { ResponseReader } from './wire/response-reader.js'

/** Limits of a {@link Tpm}. */
export interface TpmOptions {
  /** Longest wait for the response to a command, and for the turn of a sequence, in ms. Default 30 000. */
  readonly timeoutMs?: number
  /** Largest number of running and waiting sequences. Default 128. */
  readonly maxQueued?: number
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_QUEUED = 128
/** 2 ms, 4 ms, … 1 s: four seconds in total, longer than the self-test of a TPM. */
const MAX_RESENDS = 12
const FIRST_DELAY_MS = 2
const LONGEST_DELAY_MS = 1000
const TPM_SU_CLEAR = 0

/** TPM2_Startup (Part 3, 9.3) after a reset: PCRs as at boot. A started TPM refuses it. */
const STARTUP_CLEAR: TpmCommand = {
  name: 'TPM2_Startup',
  code: 0x144,
  parameters: Uint8Array.of(0, TPM_SU_CLEAR),
}

/**
 * TPM that runs one sequence of commands at a time: sequences wait in a queue of limited length. The next
 * command reopens a connection that was lost, or dropped after a timeout.
 *
 * @example
 * ```ts
 * import { Tpm, pcrRead } from '@nomyo/tpm'
 *
 * const tpm = new Tpm('tcp://127.0.0.1:2321')
 * const values = await tpm.exclusive((send) => pcrRead(send, [{ hash: 'sha256', pcrs: [0, 7] }]))
 * await tpm.close()
 * ```
 */
export class Tpm {
  readonly #transport: TpmTransport
  readonly #timeoutMs: number
  readonly #maxQueued: number
  #queued = 0
  #last: Promise<void> = Promise.resolve()
  #sending = false
  #state: 'open' | 'closing' | 'closed' = 'open'

  /**
   * Creates the TPM without connecting: the first command connects.
   *
   * @param tpm - an address for {@link createTpmTransport}, or a transport
   * @throws TpmError `ERR_TPM_ADDRESS`, `ERR_TPM_INPUT`
   */
  constructor(tpm: string | TpmTransport, options: TpmOptions = {}) {
    requireOptions(options)
    const { timeoutMs = DEFAULT_TIMEOUT_MS, maxQueued = DEFAULT_MAX_QUEUED } = options
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 2 ** 31 - 1) {
      throw new TpmError(
        'ERR_TPM_INPUT',
        'timeoutMs must be a whole number of milliseconds, at least 1.',
      )
    }
    if (!Number.isInteger(maxQueued) || maxQueued < 1) {
      throw new TpmError('ERR_TPM_INPUT', 'maxQueued must be a whole number, at least 1.')
    }
    if (typeof tpm !== 'string') requireMethod(tpm, 'tpm', 'transmit')
    this.#transport = typeof tpm === 'string' ? createTpmTransport(tpm) : tpm
    this.#timeoutMs = timeoutMs
    this.#maxQueued = maxQueued
  }

  /**
   * Runs a sequence of commands without commands of other sequences in between. Do not start a sequence
   * within a sequence: it would wait for itself.
   *
   * @throws TpmError `ERR_TPM_BUSY`, `ERR_TPM_CLOSED`, `ERR_TPM_TIMEOUT` when its turn did not come,
   * and the errors of the sequence
   */
  async exclusive<T>(sequence: (send: SendCommand) => Promise<T>): Promise<T> {
    requireFunction(sequence, 'sequence')
    this.#requireOpen()
    if (this.#queued >= this.#maxQueued) {
      throw new TpmError(
        'ERR_TPM_BUSY',
        'Too many command sequences are waiting for the TPM. Try later.',
      )
    }
    const previous = this.#last
    let finish = (): void => undefined
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    this.#last = previous.then(() => finished)
    this.#queued++
    try {
      await withTimeout(this.#timeoutMs, previous)
      // `close` may have been called in the meantime.
      this.#requireOpen()
      return await sequence((command) => this.#send(command))
    } finally {
      this.#queued--
      finish()
    }
  }

  /**
   * Refuses new and waiting sequences, lets the running one flush its objects (for `timeoutMs` at most),
   * and closes the connection. Safe to call twice.
   */
  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing'
    await withTimeout(this.#timeoutMs, this.#last).catch(() => undefined)
    this.#state = 'closed'
    await this.#transport.close()
  }

  #requireOpen(): void {
    if (this.#state !== 'open') throw closed()
  }

  async #send(command: TpmCommand): Promise<ResponseReader> {
    if (this.#sending) throw new TpmError('ERR_TPM_INPUT', 'Await each command before the next.')
    this.#sending = true
    try {
      const deadline = performance.now() + this.#timeoutMs
      let response = await this.#answerTo(command, deadline)
      if (responseCodeOf(response) === TPM_RC.INITIALIZE) {
        // A simulator has no firmware that starts it.
        await this.#answerTo(STARTUP_CLEAR, deadline)
        response = await this.#answerTo(command, deadline)
      }
      return decodeResponse(command, response)
    } finally {
      this.#sending = false
    }
  }

  /** Sends a command, and again while the TPM requests it, up to MAX_RESENDS times. */
  async #answerTo(command: TpmCommand, deadline: number): Promise<Uint8Array> {
    const bytes = encodeCommand(command)
    for (let resends = 0; ; resends++) {
      const response = await this.#transmit(bytes, deadline)
      if (!isTransient(responseCodeOf(response)) || resends === MAX_RESENDS) return response
      await delay(Math.min(FIRST_DELAY_MS * 2 ** resends, LONGEST_DELAY_MS))
    }
  }

  async #transmit(bytes: Uint8Array, deadline: number): Promise<Uint8Array> {
    if (this.#state === 'closed') throw closed()
    try {
      return await withTimeout(deadline - performance.now(), this.#transport.transmit(bytes))
    } catch (error) {
      if (!(error instanceof TpmError)) {
        throw new TpmError('ERR_TPM_UNREACHABLE', `The transport failed (${errnoCode(error)}).`)
      }
      // Otherwise the late response would be taken for that of the next command.
      if (error.code === 'ERR_TPM_TIMEOUT') void this.#transport.close().catch(() => undefined)
      throw error
    }
  }
}

async function withTimeout<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new TpmError(
          'ERR_TPM_TIMEOUT',
          'The TPM did not respond in time, or its queue is too slow.',
        ),
      )
    }, timeoutMs)
  })
  try {
    return await Promise.race([promise, expired])
  } finally {
    clearTimeout(timer)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function closed(): TpmError {
  return new TpmError('ERR_TPM_CLOSED', 'The TPM was closed.')
}
