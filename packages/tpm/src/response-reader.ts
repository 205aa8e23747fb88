import { TpmError } from './errors.js'

/**
 * Reads an answer of a TPM from front to back. What answers may be anything that listens on a port:
 * every read is bounded, and what does not fit is `ERR_TPM_RESPONSE`.
 */
export class ResponseReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  u8(): number {
    return this.take(1)[0] ?? 0
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8()
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16()
  }

  /** A copy, so that nothing changes with the buffer the answer came in. */
  take(length: number): Uint8Array {
    const end = this.#offset + length
    if (end > this.#bytes.length) throw malformed('is cut off')
    const bytes = this.#bytes.slice(this.#offset, end)
    this.#offset = end
    return bytes
  }

  /** A TPM2B: u16 size, then that many bytes. */
  sized(): Uint8Array {
    return this.take(this.u16())
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#offset)
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#offset < this.#bytes.length) throw malformed('is longer than its contents')
  }
}

export function malformed(why: string): TpmError {
  return new TpmError('ERR_TPM_RESPONSE', `The answer ${why}. Is this address a TPM 2.0?`)
}
