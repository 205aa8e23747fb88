import { malformed } from '../wire/response-reader.js'

/** Channel to a TPM that carries commands and responses as opaque bytes. */
export interface TpmTransport {
  /**
   * Sends one command and returns its whole response; opens the connection if necessary. The caller
   * waits until the previous call has settled, or calls {@link TpmTransport.close}.
   *
   * @throws TpmError `ERR_TPM_UNREACHABLE`, `ERR_TPM_RESPONSE`
   */
  transmit(command: Uint8Array): Promise<Uint8Array>
  /** Closes the connection and abandons a pending response. Safe to call twice. */
  close(): Promise<void>
}

/** TPMs respond with 4 KiB at most (TPM_PT_MAX_RESPONSE_SIZE). */
export const MAX_RESPONSE_BYTES = 8192

/** Reads the size in the header of a response; returns undefined until enough of it has arrived. */
export function responseSize(received: Uint8Array): number | undefined {
  if (received.length < 6) return undefined
  const size = new DataView(received.buffer, received.byteOffset).getUint32(2)
  if (size < 10 || size > MAX_RESPONSE_BYTES) throw malformed(`claims a size of ${size} bytes`)
  return size
}

/** Returns the system's code of an error ("ECONNREFUSED"), if it has one. */
export function errnoCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unknown error'
}
