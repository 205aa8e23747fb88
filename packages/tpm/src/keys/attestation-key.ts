import {
  TPMA_OBJECT,
  TPM_ALG,
  TPM_ECC_CURVE,
  computeName,
  parsePublic,
} from '@nomyo/attest/structures'
import type { SendCommand } from '../command.js'
import { malformed } from '../response-reader.js'
import { EMPTY, Writer } from '../writer.js'

/** A key that signs quotes: a primary key of the endorsement hierarchy, made from the template below. */
export interface AttestationKey {
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array
  readonly name: Uint8Array
  /** Does something with the key; its handle is good until `work` is done. */
  use<T>(send: SendCommand, work: (handle: number) => Promise<T>): Promise<T>
}

/** Length of `unique`, in bytes. */
export const UNIQUE_BYTES = 32

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign } =
  TPMA_OBJECT

/**
 * TPMT_PUBLIC to make an attestation key from: ECC P-256, ECDSA with SHA-256. It signs no statement of
 * a TPM but its own (restricted) and never leaves it; wrong auth values lock nobody out (noDA).
 *
 * @param unique - 32 bytes; others give another key
 */
export function attestationKeyTemplate(unique: Uint8Array): Uint8Array {
  return writeParameters().sized(unique).sized(new Uint8Array(UNIQUE_BYTES)).toBytes()
}

/** Whether a TPM2B_PUBLIC is of a key made from the template, whatever its `unique`. */
export function fitsTemplate(publicArea: Uint8Array): boolean {
  const expected = writeParameters().toBytes()
  return expected.every((byte, index) => publicArea[2 + index] === byte)
}

/** The Name, computed as a judge will. */
export async function nameOf(publicArea: Uint8Array): Promise<Uint8Array> {
  try {
    return await computeName(parsePublic(publicArea))
  } catch {
    throw malformed('has no well-formed public key')
  }
}

/** TPMT_PUBLIC up to `unique`. */
function writeParameters(): Writer {
  return new Writer()
    .u16(TPM_ALG.ECC)
    .u16(TPM_ALG.SHA256)
    .u32(fixedTPM | fixedParent | sensitiveDataOrigin | userWithAuth | noDA | restricted | sign)
    .sized(EMPTY) // authPolicy
    .u16(TPM_ALG.NULL) // symmetric
    .u16(TPM_ALG.ECDSA)
    .u16(TPM_ALG.SHA256)
    .u16(TPM_ECC_CURVE.NIST_P256)
    .u16(TPM_ALG.NULL) // kdf
}
