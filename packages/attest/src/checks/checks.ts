import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { skip, type Verdict } from '../result/verdict.js'
import type { CertificateCheck } from '../trust/anchor.js'
import type { EndorsementDecision } from '../trust/endorsements.js'
import { checkAkAttributes } from './ak-attributes.js'
import { checkAkPoint, checkAkStrength } from './ak-strength.js'
import { checkAkName, checkAkTrust } from './ak-trust.js'
import { checkClock } from './clock.js'
import { checkEvidenceShape, checkParsed } from './evidence.js'
import { checkFirmware } from './firmware.js'
import { checkLog } from './logs.js'
import { checkBinding, checkFreshness, checkNonce } from './nonce.js'
import { checkPcrBank } from './pcr-bank.js'
import { checkPcrDigest } from './pcr-digest.js'
import { checkPcrPolicy } from './pcr-policy.js'
import { checkPcrSelection } from './pcr-selection.js'
import { checkQuoteMagic, checkQuoteType } from './quote.js'
import { checkSignatureScheme } from './signature-scheme.js'
import { checkSignatureValid } from './signature-valid.js'

/** One row of the table of checks. */
interface CheckDefinition<Id extends string> {
  readonly id: Id
  /**
   * True when the facts of a quote are signed facts only if this check does not fail. Other checks
   * appraise facts; they do not establish them.
   */
  readonly establishesAuthenticity: boolean
  readonly run: (
    evidence: ParsedEvidence,
    decision: EndorsementDecision,
  ) => Verdict | Promise<Verdict>
}

/**
 * Every check, in the order in which results list them. The comment above a row completes "passes
 * when"; the table of the README is generated from it.
 */
export const CHECKS = [
  // every member exists, with its type and within its limits
  { id: 'evidence.shape', establishesAuthenticity: true, run: checkEvidenceShape },
  // the TPMS_ATTEST is canonical base64 and parses to its last byte
  {
    id: 'quote.parse',
    establishesAuthenticity: true,
    run: ({ quote }) => checkParsed('attested structure', quote),
  },
  // the TPMT_SIGNATURE is canonical base64 and parses to its last byte
  {
    id: 'signature.parse',
    establishesAuthenticity: true,
    run: ({ signature }) => checkParsed('signature', signature),
  },
  // the TPM2B_PUBLIC is canonical base64 and parses to its last byte
  {
    id: 'ak.parse',
    establishesAuthenticity: true,
    run: ({ ak }) => checkParsed('attestation key', ak),
  },
  // a TPM generated the structure (TPM_GENERATED_VALUE)
  { id: 'quote.magic', establishesAuthenticity: true, run: checkQuoteMagic },
  // the structure is a quote
  { id: 'quote.type', establishesAuthenticity: true, run: checkQuoteType },
  // restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin; not decrypt; no reserved bit
  { id: 'ak.attributes', establishesAuthenticity: true, run: checkAkAttributes },
  // RSA 2048, 3072 or 4096 with exponent 65537, or P-256, P-384 or P-521; Name by SHA-2
  { id: 'ak.strength', establishesAuthenticity: true, run: checkAkStrength },
  // the public point of an ECC key is on its curve
  { id: 'ak.point', establishesAuthenticity: true, run: checkAkPoint },
  // scheme and hash are those the key is bound to, and the hash is SHA-2
  { id: 'signature.scheme', establishesAuthenticity: true, run: checkSignatureScheme },
  // the signature of the key over exactly these bytes verifies
  { id: 'signature.valid', establishesAuthenticity: true, run: checkSignatureValid },
  // the extraData equals the expected one, of at least 16 bytes
  { id: 'nonce', establishesAuthenticity: true, run: checkNonce },
  // the signed, listed and transmitted PCRs are the same, and include all required ones
  { id: 'pcr.selection', establishesAuthenticity: true, run: checkPcrSelection },
  // the transmitted values hash to the signed digest
  { id: 'pcr.digest', establishesAuthenticity: true, run: checkPcrDigest },
  // no PCR depends on SHA-1 alone
  { id: 'pcr.bank', establishesAuthenticity: false, run: checkPcrBank },
  // every PCR with reference values has one of them
  { id: 'pcr.policy', establishesAuthenticity: false, run: checkPcrPolicy },
  // the Name of the signing key is the endorsed one, and its Qualified Name the required one
  { id: 'ak.name', establishesAuthenticity: true, run: checkAkName },
  // a trust anchor of the caller endorses the key
  { id: 'ak.trust', establishesAuthenticity: true, run: checkAkTrust },
  // the TPM was not reset or restarted since an earlier quote
  { id: 'clock', establishesAuthenticity: false, run: checkClock },
  // the TPM firmware is accepted and unchanged
  { id: 'firmware', establishesAuthenticity: false, run: checkFirmware },
  // the evidence arrived in time, by the caller's clock
  { id: 'freshness', establishesAuthenticity: false, run: checkFreshness },
  // the quote endorses the encryption key, or the key statement of wire 2
  { id: 'binding', establishesAuthenticity: false, run: checkBinding },
  // the event log replays to the quoted values, and its events are allowed
  {
    id: 'eventlog',
    establishesAuthenticity: false,
    run: (evidence) => checkLog('event log', evidence.policy.eventLog, evidence),
  },
  // the IMA log replays to the quoted values, and its entries are allowed
  {
    id: 'ima',
    establishesAuthenticity: false,
    run: (evidence) => checkLog('IMA log', evidence.policy.ima, evidence),
  },
  // a path of signatures leads from the certificate of the key to a root of the caller
  {
    id: 'ak.certificate.chain',
    establishesAuthenticity: false,
    run: (_, decision) => certificateVerdict(decision, 'chain'),
  },
  // the certificates are valid at the caller's time
  {
    id: 'ak.certificate.validity',
    establishesAuthenticity: false,
    run: (_, decision) => certificateVerdict(decision, 'validity'),
  },
  // the certificate is for attestation keys
  {
    id: 'ak.certificate.eku',
    establishesAuthenticity: false,
    run: (_, decision) => certificateVerdict(decision, 'eku'),
  },
  // the certificate is not that of a CA, and names its subject
  {
    id: 'ak.certificate.leaf',
    establishesAuthenticity: false,
    run: (_, decision) => certificateVerdict(decision, 'leaf'),
  },
  // the certificate is for this key
  {
    id: 'ak.certificate.key',
    establishesAuthenticity: false,
    run: (_, decision) => certificateVerdict(decision, 'key'),
  },
] as const satisfies readonly CheckDefinition<string>[]

/** Ids of all checks, in the order in which results list them. */
export const CHECK_IDS = /* @__PURE__ */ idsOf(CHECKS)

/** Id of a check. */
export type CheckId = (typeof CHECK_IDS)[number]

/** Verdicts of all checks. */
export type Verdicts = Readonly<Record<CheckId, Verdict>>

/** Runs all checks but those with a verdict in `own`. */
export async function runChecks(
  evidence: ParsedEvidence,
  decision: EndorsementDecision,
  own: Partial<Verdicts> = {},
): Promise<Verdicts> {
  const verdicts: Partial<Record<CheckId, Verdict>> = {}
  for (const { id, run } of CHECKS) verdicts[id] = own[id] ?? (await run(evidence, decision))
  return verdicts as Verdicts
}

/** Keeps the functions of the table out of the public types. */
function idsOf<Id extends string>(checks: readonly CheckDefinition<Id>[]): readonly Id[] {
  return checks.map(({ id }) => id)
}

function certificateVerdict(
  { endorsement }: EndorsementDecision,
  check: CertificateCheck,
): Verdict {
  return (
    endorsement.certificate?.[check] ??
    skip('CERTIFICATE_NOT_GIVEN', 'no certificate of the key was given')
  )
}
