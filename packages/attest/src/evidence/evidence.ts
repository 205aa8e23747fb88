import { TpmParseError } from '../attest-error.js'
import { decodeBase64 } from '../bytes/base64.js'
import type { Bytes } from '../bytes/bytes.js'
import { isRecord } from '../bytes/json.js'

/** PCR values by bank and index, in lower-case hex. */
export type PcrValues = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Member `tpm_attestation` of an encrypted answer, as gateways send it. */
export type TpmAttestation =
  | {
      readonly is_available: true
      /** The quoted PCRs, e.g. `sha256:0,7,10`. */
      readonly pcr_banks: string
      /** Hex by bank and index. */
      readonly pcr_values: Readonly<Record<string, Readonly<Record<string, string>>>>
      /** Base64 of the TPMS_ATTEST. */
      readonly quote_b64: string
      /** Base64 of the TPMT_SIGNATURE over it. */
      readonly signature_b64: string
      /** Base64 of the TPM2B_PUBLIC of the signing key. */
      readonly aik_pubkey_b64: string
    }
  | { readonly is_available: false }

/** Decoded evidence, not appraised. */
export interface TpmEvidence {
  readonly pcrBanks: string
  readonly pcrValues: PcrValues
  readonly quote: Bytes
  readonly signature: Bytes
  readonly akPublic: Bytes
}

/** The decodable members of evidence. */
export type Decoded = { readonly [Member in keyof TpmEvidence]?: TpmEvidence[Member] | undefined }

/** The decodable members of evidence, and the first flaw. */
export interface PartialEvidence {
  readonly evidence: Decoded
  /** The first deviation from the format; undefined for well-formed evidence. */
  readonly flaw: EvidenceFlaw | undefined
}

/** Deviation of evidence from its format. */
export interface EvidenceFlaw {
  readonly code: string
  readonly detail: string
}

/** Base64 characters of one member; the longest real one (all PCRs, RSA-4096) has under 1,000. */
const MAX_BASE64 = 8192
const MAX_PCR_BANKS = 512
/** Upper bounds of the hash algorithms of a TPM, and of the PCRs of a bank. */
const MAX_BANKS = 16
const MAX_PCRS = 32
const PCR_INDEX = /^(?:0|[1-9]\d?)$/
const PCR_VALUE = /^(?:[0-9a-f]{2}){1,64}$/i

/**
 * Decodes the member `tpm_attestation` of an answer. Ignores unknown members.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` for another shape, wrong types, base64 that is not
 * canonical, and members that are too large
 */
export function decodeEvidence(json: unknown): TpmEvidence {
  const { evidence, flaw } = readEvidence(json)
  const { pcrBanks, pcrValues, quote, signature, akPublic } = evidence
  if (flaw !== undefined) throw new TpmParseError('tpm_attestation', 0, flaw.detail)
  if (quote === undefined) throw new TpmParseError('quote_b64', 0, 'is not base64')
  if (signature === undefined) throw new TpmParseError('signature_b64', 0, 'is not base64')
  if (akPublic === undefined) throw new TpmParseError('aik_pubkey_b64', 0, 'is not base64')
  return { pcrBanks: pcrBanks ?? '', pcrValues: pcrValues ?? {}, quote, signature, akPublic }
}

/** Decodes every member that can be decoded, so that each check has a verdict of its own. */
export function readEvidence(json: unknown): PartialEvidence {
  let flaw: EvidenceFlaw | undefined
  const flawed = (code: string, detail: string): void => {
    flaw ??= { code, detail }
  }
  if (!isRecord(json)) {
    return nothing('EVIDENCE_MISSING', 'the answer has no tpm_attestation object')
  }
  const available = ownMember(json, 'is_available')
  if (available === false) {
    return nothing('EVIDENCE_NOT_AVAILABLE', 'the server reports that it has no usable TPM')
  }
  if (available !== true) flawed('EVIDENCE_MALFORMED', 'is_available is not true')

  const text = (name: string, limit: number): string | undefined => {
    const value = ownMember(json, name)
    if (typeof value === 'string' && value.length <= limit) return value
    if (typeof value !== 'string') flawed('EVIDENCE_MALFORMED', `${name} is not a string`)
    else flawed('EVIDENCE_TOO_LARGE', `${name} has more than ${limit} characters`)
    return undefined
  }
  // The parser of each structure refuses text that is not base64.
  const bytes = (name: string): Bytes | undefined => decodeBase64(text(name, MAX_BASE64) ?? '-')
  const values = readPcrValues(ownMember(json, 'pcr_values'))
  if (values === undefined) {
    flawed('EVIDENCE_MALFORMED', 'pcr_values is not hex by bank and PCR index')
  }
  const evidence = {
    pcrBanks: text('pcr_banks', MAX_PCR_BANKS),
    pcrValues: values,
    quote: bytes('quote_b64'),
    signature: bytes('signature_b64'),
    akPublic: bytes('aik_pubkey_b64'),
  }
  return { evidence, flaw }
}

function nothing(code: string, detail: string): PartialEvidence {
  return { evidence: {}, flaw: { code, detail } }
}

function readPcrValues(banks: unknown): PcrValues | undefined {
  if (!isRecord(banks) || Object.keys(banks).length > MAX_BANKS) return undefined
  // No prototype: banks and indices are attacker-controlled.
  const read: Record<string, Readonly<Record<string, string>>> = Object.create(null) as never
  for (const [bank, values] of Object.entries(banks)) {
    if (!isRecord(values) || bank.length > 16) return undefined
    // Counted first: an answer can hold half a million of them.
    if (Object.keys(values).length > MAX_PCRS) return undefined
    const entries = Object.entries(values)
    const sound = entries.every(
      ([pcr, value]) => PCR_INDEX.test(pcr) && typeof value === 'string' && PCR_VALUE.test(value),
    )
    if (!sound) return undefined
    read[bank] = Object.fromEntries(
      (entries as [string, string][]).map(([pcr, value]) => [pcr, value.toLowerCase()]),
    )
  }
  return read
}

/** Reads an own member only: what a prototype carries is not part of the evidence. */
function ownMember(object: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}
