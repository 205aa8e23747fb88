import { TpmParseError } from '../attest-error.js'
import { equalBytes, type Bytes } from '../bytes/bytes.js'
import type { CheckedPolicy } from '../policy/rules.js'
import { parseAttest, type QuoteInfo, type TpmsAttest } from '../structures/attest.js'
import { TPM_RH, type Hierarchy } from '../structures/constants.js'
import { computeName, computeQualifiedName } from '../structures/name.js'
import { parsePublic } from '../structures/public.js'
import { parseSignature, type TpmtSignature } from '../structures/signature.js'
import type { AttestationKey } from '../trust/anchor.js'
import { readEvidence, type Decoded, type EvidenceFlaw, type PcrValues } from './evidence.js'
import { expectedExtraData } from './nonce.js'

/** A parsed structure, or the reason why it cannot be parsed. */
export type Parsed<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string }

/** Parsed evidence beside the policy: the input of every check. */
export interface ParsedEvidence {
  readonly policy: CheckedPolicy
  readonly evidence: Decoded
  readonly flaw: EvidenceFlaw | undefined
  readonly quote: Parsed<TpmsAttest>
  readonly signature: Parsed<TpmtSignature>
  readonly ak: Parsed<AttestationKey>
  readonly expectedExtraData: Bytes
  /**
   * The hierarchy of a primary signing key, whose Name the signature then covers. Undefined for a key
   * below another one.
   */
  readonly hierarchy: Hierarchy | undefined
}

/** Parses the evidence of a quote. Appraises nothing. */
export async function parseEvidence(json: unknown, policy: CheckedPolicy): Promise<ParsedEvidence> {
  const { evidence, flaw } = readEvidence(json)
  return { ...(await parseStatement(evidence, policy)), flaw }
}

/** Parses a statement that an attestation key signed, of whatever type. */
export async function parseStatement(
  evidence: Decoded,
  policy: CheckedPolicy,
): Promise<ParsedEvidence> {
  const quote = await parsed(evidence.quote, parseAttest)
  const ak = await parsed(evidence.akPublic, parseKey)
  return {
    policy,
    evidence,
    flaw: undefined,
    quote,
    signature: await parsed(evidence.signature, parseSignature),
    ak,
    expectedExtraData: await expectedExtraData(policy.nonce),
    hierarchy: await hierarchyOf(ak.value?.name, quote.value?.qualifiedSigner),
  }
}

/** Recognizes the hierarchy of a primary key, whose Qualified Name can be computed. */
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

/** Returns the content of the structure if it is a quote. */
export function quoteInfo({ quote }: Pick<ParsedEvidence, 'quote'>): QuoteInfo | undefined {
  const attested = quote.value?.attested
  return attested?.type === 'quote' ? attested : undefined
}

/** Returns the transmitted values of the PCRs in the signed selection, and of no others. */
export function quotedPcrs(evidence: Pick<ParsedEvidence, 'quote' | 'evidence'>): PcrValues {
  const quoted: Record<string, Record<string, string>> = {}
  for (const { hash, pcrs } of quoteInfo(evidence)?.pcrSelect ?? []) {
    if (hash === undefined) continue
    for (const pcr of pcrs) {
      const value = evidence.evidence.pcrValues?.[hash]?.[pcr]
      if (value !== undefined) (quoted[hash] ??= {})[pcr] = value
    }
  }
  return quoted
}

/** Parses a TPM2B_PUBLIC and computes its Name. */
export async function parseKey(bytes: Uint8Array): Promise<AttestationKey> {
  const publicArea = parsePublic(bytes)
  return { publicArea, name: await computeName(publicArea) }
}

/** Parses a structure; bytes that cannot be parsed are a finding, not an exception. */
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
