import { equalBytes } from './bytes/digest.js'
import type { Bytes } from './bytes/types.js'
import { TpmParseError } from './errors.js'
import { readEvidence, type Decoded, type EvidenceFlaw } from './evidence.js'
import { expectedExtraData } from './nonce.js'
import type { CheckedPolicy } from './policy.js'
import type { PcrValues } from './result.js'
import { parseAttest, type QuoteInfo, type TpmsAttest } from './structures/attest.js'
import { TPM_RH, type Hierarchy } from './structures/constants.js'
import { computeName, computeQualifiedName } from './structures/name.js'
import { parsePublic } from './structures/public.js'
import { parseSignature, type TpmtSignature } from './structures/signature.js'
import type { AttestationKey } from './trust/anchor.js'

/** A structure as it was read, or why it could not be. */
export type Parsed<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string }

/** All that the checks look at: the evidence taken apart, beside what is expected of it. */
export interface Facts {
  readonly policy: CheckedPolicy
  readonly evidence: Decoded
  readonly flaw: EvidenceFlaw | undefined
  readonly quote: Parsed<TpmsAttest>
  readonly signature: Parsed<TpmtSignature>
  readonly ak: Parsed<AttestationKey>
  readonly expectedExtraData: Bytes
  /**
   * The hierarchy whose primary key signed: then the Name is covered by the signature. Undefined for
   * a key below another one.
   */
  readonly hierarchy: Hierarchy | undefined
}

/** Takes the evidence apart. Judges nothing. */
export async function gatherFacts(json: unknown, policy: CheckedPolicy): Promise<Facts> {
  const { evidence, flaw } = readEvidence(json)
  const statement = await gatherStatement(evidence, policy)
  return { ...statement, evidence, flaw }
}

/** Takes apart what an attestation key signed, whatever it is about. */
export async function gatherStatement(
  bytes: Pick<Decoded, 'quote' | 'signature' | 'akPublic'>,
  policy: CheckedPolicy,
): Promise<Omit<Facts, 'evidence' | 'flaw'>> {
  const quote = await parsed(bytes.quote, parseAttest)
  const ak = await parsed(bytes.akPublic, attestationKey)
  return {
    policy,
    quote,
    signature: await parsed(bytes.signature, parseSignature),
    ak,
    expectedExtraData: await expectedExtraData(policy.nonce),
    hierarchy: await hierarchyOf(ak.value?.name, quote.value?.qualifiedSigner),
  }
}

/** The Qualified Name of a primary key can be computed, so its hierarchy can be recognised. */
async function hierarchyOf(
  name: Uint8Array | undefined,
  qualifiedSigner: Uint8Array | undefined,
): Promise<Hierarchy | undefined> {
  if (name === undefined || qualifiedSigner === undefined) return undefined
  for (const hierarchy of Object.keys(TPM_RH) as Hierarchy[]) {
    if (equalBytes(await computeQualifiedName(hierarchy, name), qualifiedSigner)) return hierarchy
  }
  return undefined
}

/** What was quoted, where the structure is a quote. */
export function quoteInfo({ quote }: Pick<Facts, 'quote'>): QuoteInfo | undefined {
  const attested = quote.value?.attested
  return attested?.type === 'quote' ? attested : undefined
}

/** The values that came along, of the PCRs that the signed selection names; of no others. */
export function quotedPcrs(facts: Pick<Facts, 'quote' | 'evidence'>): PcrValues {
  const quoted: Record<string, Record<string, string>> = {}
  for (const { hash, pcrs } of quoteInfo(facts)?.pcrSelect ?? []) {
    if (hash === undefined) continue
    for (const pcr of pcrs) {
      const value = facts.evidence.pcrValues?.[hash]?.[pcr]
      if (value !== undefined) (quoted[hash] ??= {})[pcr] = value
    }
  }
  return quoted
}

/** A TPM2B_PUBLIC with its Name. */
export async function attestationKey(bytes: Uint8Array): Promise<AttestationKey> {
  const publicArea = parsePublic(bytes)
  return { publicArea, name: await computeName(publicArea) }
}

/** Reads a structure; what cannot be read is a finding, not an exception. */
export async function parsed<T>(
  bytes: Uint8Array | undefined,
  parse: (bytes: Uint8Array) => T | Promise<T>,
): Promise<Parsed<T>> {
  if (bytes === undefined) return { problem: 'is missing or not canonical base64' }
  try {
    return { value: await parse(bytes) }
  } catch (error) {
    if (error instanceof TpmParseError) return { problem: error.message }
    throw error
  }
}
