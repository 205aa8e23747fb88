import { TpmError } from '../errors.js'

/**
 * Reader of a response, from front to back. Any program may listen on a port: every read is bounded, and
 * malformed bytes are `ERR_TPM_RESPONSE`.
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

  /** Reads `length` bytes, copied: they must not change with the receive buffer. */
  take(length: number): Uint8Array {
    const end = this.#offset + length
    if (end > this.#bytes.length) throw malformed('is cut off')
    const bytes = this.#bytes.slice(this.#offset, end)
    this.#offset = end
    return bytes
  }

  /** Reads a TPM2B: u16 size, then that many bytes. */
  sized(): Uint8Array {
    return this.take(this.u16())
  }

  /** Reads all remaining bytes. */
  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#offset)
  }

  /** Refuses bytes left over. */
  end(): void {
    if (this.#offset < this.#bytes.length) throw malformed('is longer than its content')
  }
}

export function malformed(why: string): TpmError {
  return new TpmError(
    'ERR_TPM_RESPONSE',
    `The response ${why}. Check that this is the address of a TPM 2.0.`,
  )
}
