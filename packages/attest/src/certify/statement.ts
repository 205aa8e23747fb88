import { claimsOf } from '../appraise.js'
import { equalBytes } from '../bytes/digest.js'
import { toHex } from '../bytes/hex.js'
import type { Bytes } from '../bytes/types.js'
import { attestationKey, gatherStatement, parsed, type Facts, type Parsed } from '../facts.js'
import { checkPolicy, type AppraisalPolicy } from '../policy.js'
import { fail, pass, skip, type AttestationResult, type Verdict } from '../result.js'
import { judgeStatement } from '../statement.js'
import { TPMA_OBJECT, hashName } from '../structures/constants.js'
import { conclude } from '../tier.js'
import type { AttestationKey } from '../trust/anchor.js'
import { askAnchors } from '../trust/judge.js'

/** A statement of an attestation key about another object of its TPM, as TPM structures. */
export interface CertifyEvidence {
  /** TPMS_ATTEST of type CERTIFY or CREATION. */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE over it. */
  readonly signature: Uint8Array
  /** TPM2B_PUBLIC of the key that signed. */
  readonly akPublic: Uint8Array
  /** TPM2B_PUBLIC of the object that was certified. */
  readonly certifiedPublic: Uint8Array
}

/** What is expected of a certification. */
export interface CertifyPolicy extends Pick<
  AppraisalPolicy,
  'nonce' | 'trust' | 'qualifiedSigner' | 'previous' | 'firmware' | 'freshness' | 'now'
> {
  /**
   * The authPolicy the object must have, with no other way to use it: {@link pcrPolicyDigest} of the
   * good PCR state. Without it no result is affirming.
   */
  readonly authPolicy?: Uint8Array | undefined
}

/** Judges a certification: the checks of a quote, but for those of PCRs, and that it is about this object. */
export async function judgeCertification(
  kind: 'certify' | 'creation',
  evidence: CertifyEvidence,
  policy: CertifyPolicy,
): Promise<AttestationResult> {
  const checked = { ...checkPolicy({ ...policy, requiredPcrs: 'sha256:0' }), requiredPcrs: [] }
  const facts: Facts = {
    evidence: {},
    flaw: undefined,
    ...(await gatherStatement(
      {
        quote: copyOf(evidence.attest),
        signature: copyOf(evidence.signature),
        akPublic: copyOf(evidence.akPublic),
      },
      checked,
    )),
  }
  const object = await parsed(copyOf(evidence.certifiedPublic), attestationKey)
  const trustee = await askAnchors(facts)
  const none = skip('NOT_A_QUOTE', 'a certification covers no PCR')
  const verdicts = {
    ...(await judgeStatement(facts, trustee)),
    'evidence.shape': pass('EVIDENCE_WELL_FORMED', 'there are four byte strings'),
    'quote.type': typeOf(kind, facts),
    'pcr.selection': none,
    'pcr.digest': none,
    'pcr.bank': none,
    'pcr.policy': checkAuthPolicy(object, policy.authPolicy),
    binding: checkObject(facts, object),
    eventlog: none,
    ima: none,
  }
  const claims = await claimsOf(facts, verdicts['ak.name'])
  const bound = verdicts.binding.status === 'pass' && object.value !== undefined
  return conclude(
    verdicts,
    trustee.vouching.trust,
    claims === undefined || !bound
      ? undefined
      : { ...claims, certifiedName: toHex(object.value.name) },
  )
}

/** The sender's, who may have sent something else. */
function copyOf(bytes: unknown): Bytes | undefined {
  return bytes instanceof Uint8Array ? new Uint8Array(bytes) : undefined
}

function typeOf(kind: 'certify' | 'creation', { quote }: Facts): Verdict {
  return quote.value?.attested.type === kind
    ? pass('TYPE_WANTED', `the structure is of type ${kind}`)
    : fail('TYPE_WRONG', `the structure is not of type ${kind}`)
}

const WANTED = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin'] as const

/** The statement names this very object, whose private part was made in the TPM and cannot leave it. */
function checkObject({ quote }: Facts, object: Parsed<AttestationKey>): Verdict {
  if (object.value === undefined) return fail('STRUCTURE_INVALID', `the object ${object.problem}`)
  const attested = quote.value?.attested
  const name =
    attested?.type === 'certify'
      ? attested.name
      : attested?.type === 'creation'
        ? attested.objectName
        : new Uint8Array()
  if (!equalBytes(name, object.value.name)) {
    return fail('OBJECT_NOT_NAMED', 'the statement is about another object', {
      expected: toHex(object.value.name),
      actual: toHex(name),
    })
  }
  if (hashName(object.value.publicArea.nameAlg) === 'sha1') {
    return fail('OBJECT_NAME_WEAK', 'the Name of the object is not made with SHA-2')
  }
  const missing = WANTED.filter(
    (attribute) => (object.value.publicArea.objectAttributes & TPMA_OBJECT[attribute]) === 0,
  )
  return missing.length === 0
    ? pass('OBJECT_NAMED', 'the key says this object was made in its TPM and stays there')
    : fail('OBJECT_ATTRIBUTE_MISSING', `the object is not ${missing.join(', not ')}`)
}

/** The object can be used through the expected policy and in no other way. */
function checkAuthPolicy(
  object: Parsed<AttestationKey>,
  expected: Uint8Array | undefined,
): Verdict {
  if (expected === undefined) {
    return skip('AUTH_POLICY_NOT_ASKED', 'no policy was given: the machine state is not judged')
  }
  if (object.value === undefined) return fail('STRUCTURE_INVALID', `the object ${object.problem}`)
  const { authPolicy, objectAttributes } = object.value.publicArea
  if (!equalBytes(authPolicy, expected)) {
    return fail('AUTH_POLICY_MISMATCH', 'the object has another policy', {
      expected: toHex(expected),
      actual: toHex(authPolicy),
    })
  }
  return (objectAttributes & TPMA_OBJECT.userWithAuth) === 0
    ? pass('AUTH_POLICY_EQUAL', 'the TPM itself refuses to use the object in any other state')
    : fail('AUTH_POLICY_AVOIDABLE', 'the object can be used without its policy')
}
