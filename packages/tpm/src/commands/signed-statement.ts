import type { ResponseReader } from '../response-reader.js'

/** Something a TPM attests to. */
export interface SignedStatement {
  /** TPMS_ATTEST: exactly the bytes that are signed. */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array
}

export function readSigned(reader: ResponseReader): SignedStatement {
  return { attest: reader.sized(), signature: reader.rest() }
}
