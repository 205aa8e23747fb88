import type { Bytes } from '../bytes/bytes.js'
import { TPM_ST, hashName, type HashName } from './constants.js'
import { Reader, requireStructure } from './reader.js'

/** TPMS_CLOCK_INFO (Part 2, 10.11.1). */
export interface ClockInfo {
  /** Milliseconds for which the TPM has been powered, over its lifetime. */
  readonly clock: bigint
  /** Number of TPM resets. */
  readonly resetCount: number
  /** Number of resumes and restarts since the last reset. */
  readonly restartCount: number
  /** True when the TPM never reported a higher value of `clock` before. */
  readonly safe: boolean
}

/** TPMS_PCR_SELECTION (Part 2, 10.6.2) of a signed structure. */
export interface SignedSelection {
  readonly hashId: number
  /** Undefined for a bank of an algorithm other than SHA-1 and SHA-2. */
  readonly hash: HashName | undefined
  /** Rising. */
  readonly pcrs: readonly number[]
}

/** TPMS_QUOTE_INFO (Part 2, 10.12.4). */
export interface QuoteInfo {
  readonly type: 'quote'
  readonly pcrSelect: readonly SignedSelection[]
  readonly pcrDigest: Bytes
}

/** TPMS_CERTIFY_INFO (Part 2, 10.12.3). */
export interface CertifyInfo {
  readonly type: 'certify'
  readonly name: Bytes
  readonly qualifiedName: Bytes
}

/** TPMS_CREATION_INFO (Part 2, 10.12.7). */
export interface CreationInfo {
  readonly type: 'creation'
  readonly objectName: Bytes
  readonly creationHash: Bytes
}

/** Attestation of a type this package does not appraise (time, audit, NV): its bytes as received. */
export interface OtherInfo {
  readonly type: 'other'
  readonly bytes: Bytes
}

/** TPMS_ATTEST (Part 2, 10.12.12). */
export interface TpmsAttest {
  readonly magic: number
  /** TPMI_ST_ATTEST, one of {@link TPM_ST}. */
  readonly typeId: number
  readonly qualifiedSigner: Bytes
  readonly extraData: Bytes
  readonly clockInfo: ClockInfo
  readonly firmwareVersion: bigint
  readonly attested: QuoteInfo | CertifyInfo | CreationInfo | OtherInfo
  /** Exactly the bytes that the signature covers. */
  readonly signedBytes: Bytes
}

/** TPM2B_NAME and TPM2B_DATA: a hash algorithm and the largest digest. */
export const MAX_NAME = 66
const MAX_DIGEST = 64
/** TPML_PCR_SELECTION: one for each possible hash algorithm. */
const MAX_SELECTIONS = 16

/**
 * Parses a TPMS_ATTEST, bare or wrapped in a TPM2B_ATTEST: the two cannot be confused, because the
 * first two bytes of a structure never equal its length.
 *
 * Does not check magic and type.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` for anything cut off, too long or out of range
 */
export function parseAttest(bytes: Uint8Array): TpmsAttest {
  requireStructure(bytes)
  const wrapped = ((bytes[0] ?? 0) << 8) + (bytes[1] ?? 0) === bytes.length - 2
  const signedBytes = new Uint8Array(wrapped ? bytes.subarray(2) : bytes)
  const reader = new Reader(signedBytes)
  const header = {
    magic: reader.u32('magic'),
    typeId: reader.u16('type'),
    qualifiedSigner: reader.sized(MAX_NAME, 'qualifiedSigner'),
    extraData: reader.sized(MAX_NAME, 'extraData'),
    clockInfo: readClockInfo(reader),
    firmwareVersion: reader.u64('firmwareVersion'),
  }
  const attested = readAttested(reader, header.typeId, signedBytes.length)
  reader.end('attested')
  return { ...header, attested, signedBytes }
}

function readClockInfo(reader: Reader): ClockInfo {
  const clock = reader.u64('clockInfo.clock')
  const resetCount = reader.u32('clockInfo.resetCount')
  const restartCount = reader.u32('clockInfo.restartCount')
  const safe = reader.u8('clockInfo.safe')
  if (safe > 1) reader.fail('clockInfo.safe', `is ${safe}, a TPMI_YES_NO is 0 or 1`)
  return { clock, resetCount, restartCount, safe: safe === 1 }
}

function readAttested(reader: Reader, typeId: number, length: number): TpmsAttest['attested'] {
  switch (typeId) {
    case TPM_ST.ATTEST_QUOTE:
      return {
        type: 'quote',
        pcrSelect: readSelections(reader),
        pcrDigest: reader.sized(MAX_DIGEST, 'pcrDigest'),
      }
    case TPM_ST.ATTEST_CERTIFY:
      return {
        type: 'certify',
        name: reader.sized(MAX_NAME, 'name'),
        qualifiedName: reader.sized(MAX_NAME, 'qualifiedName'),
      }
    case TPM_ST.ATTEST_CREATION:
      return {
        type: 'creation',
        objectName: reader.sized(MAX_NAME, 'objectName'),
        creationHash: reader.sized(MAX_DIGEST, 'creationHash'),
      }
    default:
      return { type: 'other', bytes: reader.take(length - reader.offset, 'attested') }
  }
}

function readSelections(reader: Reader): SignedSelection[] {
  const count = reader.u32('pcrSelect.count')
  if (count > MAX_SELECTIONS) {
    reader.fail('pcrSelect.count', `is ${count}, the limit is ${MAX_SELECTIONS}`)
  }
  return Array.from({ length: count }, () => {
    const hashId = reader.u16('pcrSelect.hash')
    const size = reader.u8('pcrSelect.sizeofSelect')
    if (size < 1 || size > 4) reader.fail('pcrSelect.sizeofSelect', `is ${size}, not 1 to 4`)
    const mask = reader.take(size, 'pcrSelect.pcrSelect')
    return { hashId, hash: hashName(hashId), pcrs: pcrsOf(mask) }
  })
}

/** PCR i is bit i mod 8 of byte i div 8, the least significant bit first. */
function pcrsOf(mask: Uint8Array): number[] {
  return Array.from({ length: mask.length * 8 }, (_, pcr) => pcr).filter(
    (pcr) => (((mask[pcr >> 3] ?? 0) >> (pcr & 7)) & 1) === 1,
  )
}
