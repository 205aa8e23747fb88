import { decodeBase64 } from './bytes/base64.js'
import type { Bytes } from './bytes/types.js'
import { TpmParseError } from './errors.js'
import type { PcrValues } from './result.js'

/** The member `tpm_attestation` of a sealed answer, as gateways write it. */
export type TpmAttestation =
  | {
      readonly is_available: true
      /** The PCRs quoted, e.g. `sha256:0,7,10`. */
      readonly pcr_banks: string
      /** Hex by bank and index. */
      readonly pcr_values: Readonly<Record<string, Readonly<Record<string, string>>>>
      /** Base64 of the TPMS_ATTEST. */
      readonly quote_b64: string
      /** Base64 of the TPMT_SIGNATURE over it. */
      readonly signature_b64: string
      /** Base64 of the TPM2B_PUBLIC of the key that signed. */
      readonly aik_pubkey_b64: string
    }
  | { readonly is_available: false }

/** Decoded evidence. Nothing in it has been judged. */
export interface TpmEvidence {
  readonly pcrBanks: string
  /** Lower-case hex by bank and index. */
  readonly pcrValues: PcrValues
  readonly quote: Bytes
  readonly signature: Bytes
  readonly akPublic: Bytes
}

/** What of evidence could be decoded. */
export type Decoded = { readonly [Member in keyof TpmEvidence]?: TpmEvidence[Member] | undefined }

/** Evidence as far as it could be decoded, and what could not. */
export interface PartialEvidence {
  readonly evidence: Decoded
  /** The first thing that is not as the format says; undefined for well-formed evidence. */
  readonly flaw: EvidenceFlaw | undefined
}

export interface EvidenceFlaw {
  readonly code: string
  readonly detail: string
}

/** Base64 characters of one member; the longest real one (all PCRs, RSA-4096) has under 1,000. */
const MAX_BASE64 = 8192
const MAX_PCR_BANKS = 512
/** Hash algorithms there can be, and PCRs a bank can have. */
const MAX_BANKS = 16
const MAX_PCRS = 32
const PCR_INDEX = /^(?:0|[1-9]\d?)$/
const PCR_VALUE = /^(?:[0-9a-f]{2}){1,64}$/i

/**
 * Decodes the member `tpm_attestation` of an answer. Members it does not know are left aside.
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

/** Decodes what can be decoded, so that every check says what it found. */
export function readEvidence(json: unknown): PartialEvidence {
  const flaws: EvidenceFlaw[] = []
  const flawed = (code: string, detail: string): void => {
    flaws.push({ code, detail })
  }
  if (!isObject(json)) {
    flawed('EVIDENCE_MISSING', 'there is no tpm_attestation object')
    return { evidence: {}, flaw: flaws[0] }
  }
  const available = ownMember(json, 'is_available')
  if (available === false) {
    flawed('EVIDENCE_NOT_AVAILABLE', 'the server says it has no TPM it can ask')
    return { evidence: {}, flaw: flaws[0] }
  }
  if (available !== true) flawed('EVIDENCE_MALFORMED', 'is_available is not true')

  const text = (name: string, limit: number): string | undefined => {
    const value = ownMember(json, name)
    if (typeof value === 'string' && value.length <= limit) return value
    if (typeof value !== 'string') flawed('EVIDENCE_MALFORMED', `${name} is not a string`)
    else flawed('EVIDENCE_TOO_LARGE', `${name} has more than ${limit} characters`)
    return undefined
  }
  // Text that is not base64 is for the parser of that structure to refuse.
  const bytes = (name: string): Bytes | undefined => decodeBase64(text(name, MAX_BASE64) ?? '-')
  const values = readPcrValues(ownMember(json, 'pcr_values'))
  if (values === undefined) {
    flawed('EVIDENCE_MALFORMED', 'pcr_values is not hex by bank and PCR index')
  }
  const members = {
    pcrBanks: text('pcr_banks', MAX_PCR_BANKS),
    pcrValues: values,
    quote: bytes('quote_b64'),
    signature: bytes('signature_b64'),
    akPublic: bytes('aik_pubkey_b64'),
  }
  return { evidence: members, flaw: flaws[0] }
}

function readPcrValues(banks: unknown): PcrValues | undefined {
  if (!isObject(banks) || Object.keys(banks).length > MAX_BANKS) return undefined
  // No prototype: the banks and indices are the sender's words.
  const read: Record<string, Readonly<Record<string, string>>> = Object.create(null) as never
  for (const [bank, values] of Object.entries(banks)) {
    if (!isObject(values) || bank.length > 16) return undefined
    // Counted first: an answer can hold half a million of them.
    if (Object.keys(values).length > MAX_PCRS) return undefined
    const entries: [string, unknown][] = Object.entries(values)
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

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Own members only: what a prototype carries did not come with the evidence. */
function ownMember(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined
}
