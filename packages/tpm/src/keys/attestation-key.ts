import {
  TPMA_OBJECT,
  TPM_ALG,
  TPM_ECC_CURVE,
  computeName,
  parsePublic,
} from '@nomyo/attest/structures'
import type { SendCommand } from '../wire/command.js'
import { malformed } from '../wire/response-reader.js'
import { EMPTY, Writer } from '../wire/writer.js'

/** Key that signs quotes: a primary key of the endorsement hierarchy, made from the template below. */
export interface AttestationKey {
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array
  readonly name: Uint8Array
  /** Runs `work` with the key, whose handle is valid until `work` has settled. */
  use<T>(send: SendCommand, work: (handle: number) => Promise<T>): Promise<T>
}

/** Length of `unique`, in bytes. */
export const UNIQUE_BYTES = 32

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign } =
  TPMA_OBJECT

/**
 * Makes the TPMT_PUBLIC of an attestation key: ECC P-256, ECDSA with SHA-256. The key signs statements
 * of its own TPM only (restricted) and never leaves it; wrong auth values cause no lockout (noDA).
 *
 * @param unique - 32 bytes that select the key
 */
export function attestationKeyTemplate(unique: Uint8Array): Uint8Array {
  return writeParameters().sized(unique).sized(new Uint8Array(UNIQUE_BYTES)).toBytes()
}

/** Tests whether a TPM2B_PUBLIC is of a key made from the template, with any `unique`. */
export function fitsTemplate(publicArea: Uint8Array): boolean {
  const expected = writeParameters().toBytes()
  return expected.every((byte, index) => publicArea[2 + index] === byte)
}

/** Computes the Name as a verifier does. */
export async function nameOf(publicArea: Uint8Array): Promise<Uint8Array> {
  try {
    return await computeName(parsePublic(publicArea))
  } catch {
    throw malformed('has a malformed public key')
  }
}

/** Writes the TPMT_PUBLIC up to `unique`. */
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
