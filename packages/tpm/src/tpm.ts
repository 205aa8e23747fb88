import {
  decodeResponse,
  encodeCommand,
  responseCodeOf,
  type SendCommand,
  type TpmCommand,
} from './command.js'
import { STARTUP_CLEAR } from './commands/startup.js'
import { TpmError } from './errors.js'
import type { ResponseReader } from './response-reader.js'
import { TPM_RC, isPassing } from './response-codes.js'
import { systemCode } from './system-code.js'
import { createTpmTransport } from './transports/create.js'
import type { TpmTransport } from './transports/transport.js'

/** How patient to be with a TPM. */
export interface TpmOptions {
  /** Longest wait for the answer to a command, and for the turn of a sequence, in ms. Default 30 000. */
  readonly timeoutMs?: number
  /** How many sequences may be running or waiting. Default 128. */
  readonly maxQueued?: number
}

const DEFAULT_TIMEOUT_MS = 30_000
const DEFAULT_MAX_QUEUED = 128
/** 2 ms, 4 ms, … 1 s: four seconds in all, more than a TPM needs to test itself. */
const MAX_RESENDS = 12
const FIRST_DELAY_MS = 2
const LONGEST_DELAY_MS = 1000

/**
 * A TPM, used by one sequence of commands at a time: sequences wait in a queue of limited length. A
 * connection that was lost, or dropped because an answer did not come in time, is opened again for
 * the next command.
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
   * Connects with the first command, not before.
   *
   * @param tpm - an address as {@link createTpmTransport} takes it, or a transport
   * @throws TpmError `ERR_TPM_ADDRESS`, `ERR_TPM_INPUT`
   */
  constructor(tpm: string | TpmTransport, options: TpmOptions = {}) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, maxQueued = DEFAULT_MAX_QUEUED } = options
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 2 ** 31 - 1) {
      throw new TpmError(
        'ERR_TPM_INPUT',
        'timeoutMs is a whole number of milliseconds, at least 1.',
      )
    }
    if (!Number.isInteger(maxQueued) || maxQueued < 1) {
      throw new TpmError('ERR_TPM_INPUT', 'maxQueued is a whole number, at least 1.')
    }
    this.#transport = typeof tpm === 'string' ? createTpmTransport(tpm) : tpm
    this.#timeoutMs = timeoutMs
    this.#maxQueued = maxQueued
  }

  /**
   * Runs a sequence of commands that no other sequence of this object comes in between of. Do not
   * start a sequence within a sequence: it would wait for itself.
   *
   * @throws TpmError `ERR_TPM_BUSY`, `ERR_TPM_CLOSED`, `ERR_TPM_TIMEOUT` when its turn did not come,
   * and whatever the sequence throws
   */
  async exclusive<T>(sequence: (send: SendCommand) => Promise<T>): Promise<T> {
    this.#requireOpen()
    if (this.#queued >= this.#maxQueued) {
      throw new TpmError('ERR_TPM_BUSY', 'Too many are waiting for the TPM already. Try later.')
    }
    const previous = this.#last
    let finish = (): void => undefined
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    this.#last = previous.then(() => finished)
    this.#queued++
    try {
      await within(this.#timeoutMs, previous)
      // It may have been closed while this one was waiting.
      this.#requireOpen()
      return await sequence((command) => this.#send(command))
    } finally {
      this.#queued--
      finish()
    }
  }

  /**
   * Refuses what comes and what waits, lets the running sequence put away what it made in the TPM (for
   * `timeoutMs` at most), and lets go of the connection. Safe to call twice.
   */
  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing'
    await within(this.#timeoutMs, this.#last).catch(() => undefined)
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
        // Nobody has started it, as there is no firmware where the TPM is a simulator.
        await this.#answerTo(STARTUP_CLEAR, deadline)
        response = await this.#answerTo(command, deadline)
      }
      return decodeResponse(command, response)
    } finally {
      this.#sending = false
    }
  }

  /** The answer, after as many resends as the TPM asks for, within reason. */
  async #answerTo(command: TpmCommand, deadline: number): Promise<Uint8Array> {
    const bytes = encodeCommand(command)
    for (let resends = 0; ; resends++) {
      const response = await this.#transmit(bytes, deadline)
      if (!isPassing(responseCodeOf(response)) || resends === MAX_RESENDS) return response
      await delay(Math.min(FIRST_DELAY_MS * 2 ** resends, LONGEST_DELAY_MS))
    }
  }

  async #transmit(bytes: Uint8Array, deadline: number): Promise<Uint8Array> {
    if (this.#state === 'closed') throw closed()
    try {
      return await within(deadline - performance.now(), this.#transport.transmit(bytes))
    } catch (error) {
      if (!(error instanceof TpmError)) {
        throw new TpmError('ERR_TPM_UNREACHABLE', `The transport failed (${systemCode(error)}).`)
      }
      // Otherwise the late answer would be taken for the one to the next command.
      if (error.code === 'ERR_TPM_TIMEOUT') void this.#transport.close().catch(() => undefined)
      throw error
    }
  }
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TpmError('ERR_TPM_TIMEOUT', 'The TPM did not answer, or not get to it, in time.'))
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
