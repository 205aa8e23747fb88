import { malformed } from '../response-reader.js'

/** Moves commands to a TPM and answers back, as opaque bytes. */
export interface TpmTransport {
  /**
   * Sends one command and gives its whole answer, opening the connection where there is none. Not
   * called again before the last call has settled or {@link TpmTransport.close} was called.
   *
   * @throws TpmError `ERR_TPM_UNREACHABLE`, `ERR_TPM_RESPONSE`
   */
  transmit(command: Uint8Array): Promise<Uint8Array>
  /** Lets go of the connection, and gives up on an answer that is still to come. Safe to call twice. */
  close(): Promise<void>
}

/** TPMs answer with 4 KiB at most (TPM_PT_MAX_RESPONSE_SIZE). */
export const MAX_RESPONSE_BYTES = 8192

/** How long the answer says it is, once enough of it is there to know. */
export function responseSize(received: Uint8Array): number | undefined {
  if (received.length < 6) return undefined
  const size = new DataView(received.buffer, received.byteOffset).getUint32(2)
  if (size < 10 || size > MAX_RESPONSE_BYTES) throw malformed(`says to be ${size} bytes long`)
  return size
}
