import { requireBytes, requireObject } from '../arguments.js'
import { appraiseParsed } from '../appraise.js'
import { equalBytes, type Bytes } from '../bytes/bytes.js'
import { toHex } from '../bytes/hex.js'
import {
  parseKey,
  parseStatement,
  parsed,
  type Parsed,
  type ParsedEvidence,
} from '../evidence/parsed-evidence.js'
import { checkPolicy, type AppraisalPolicy } from '../policy/rules.js'
import type { AttestationResult } from '../result/result.js'
import { fail, pass, skip, type Verdict } from '../result/verdict.js'
import { TPMA_OBJECT, hashName } from '../structures/constants.js'
import { missingAttributes } from '../structures/public.js'
import type { AttestationKey } from '../trust/anchor.js'

/** Statement of an attestation key about another object of its TPM, as TPM structures. */
export interface CertifyEvidence {
  /** TPMS_ATTEST of type CERTIFY or CREATION. */
  readonly attest: Uint8Array
  /** TPMT_SIGNATURE over it. */
  readonly signature: Uint8Array
  /** TPM2B_PUBLIC of the signing key. */
  readonly akPublic: Uint8Array
  /** TPM2B_PUBLIC of the certified object. */
  readonly certifiedPublic: Uint8Array
}

/** Appraisal policy for a certification. */
export interface CertifyPolicy extends Pick<
  AppraisalPolicy,
  'nonce' | 'trust' | 'qualifiedSigner' | 'previous' | 'firmware' | 'freshness' | 'now'
> {
  /**
   * The authPolicy the object must have, as the only way to use it: {@link pcrPolicyDigest} of the
   * good PCR state. Without it no result is affirming.
   */
  readonly authPolicy?: Uint8Array | undefined
}

/**
 * Appraises a TPM2_Certify: an attestation key states that an object is loaded in its TPM (Part 3, 18.2).
 * The check `binding` compares the object, `pcr.policy` its authPolicy.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy itself cannot be used
 */
export function verifyCertify(
  evidence: CertifyEvidence,
  policy: CertifyPolicy,
): Promise<AttestationResult> {
  return appraiseCertification('certify', evidence, policy)
}

/**
 * Appraises a TPM2_CertifyCreation: like {@link verifyCertify}, and the TPM itself made the object
 * (Part 3, 18.3).
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy itself cannot be used
 */
export function verifyCreation(
  evidence: CertifyEvidence,
  policy: CertifyPolicy,
): Promise<AttestationResult> {
  return appraiseCertification('creation', evidence, policy)
}

/** Runs the checks of a quote, with those of PCRs replaced by checks of the certified object. */
async function appraiseCertification(
  type: 'certify' | 'creation',
  evidence: CertifyEvidence,
  policy: CertifyPolicy,
): Promise<AttestationResult> {
  const checked = { ...checkPolicy({ ...policy, requiredPcrs: 'sha256:0' }), requiredPcrs: [] }
  if (policy.authPolicy !== undefined) requireBytes(policy.authPolicy, 'policy.authPolicy')
  requireObject(evidence, 'the evidence')
  const statement = await parseStatement(
    {
      quote: copyOf(evidence.attest),
      signature: copyOf(evidence.signature),
      akPublic: copyOf(evidence.akPublic),
    },
    checked,
  )
  const object = await parsed(copyOf(evidence.certifiedPublic), parseKey)
  const binding = checkObject(statement, object)
  const noPcrs = skip('NOT_A_QUOTE', 'a certification covers no PCR')
  return appraiseParsed(
    statement,
    {
      'evidence.shape': pass('EVIDENCE_WELL_FORMED', 'the evidence has four byte strings'),
      'quote.type': checkType(type, statement),
      'pcr.selection': noPcrs,
      'pcr.digest': noPcrs,
      'pcr.bank': noPcrs,
      'pcr.policy': checkAuthPolicy(object, policy.authPolicy),
      binding,
      eventlog: noPcrs,
      ima: noPcrs,
    },
    (claims) =>
      binding.status === 'pass' && object.value !== undefined
        ? { ...claims, certifiedName: toHex(object.value.name) }
        : undefined,
  )
}

/** Evidence is attacker-controlled: a member may have any type. */
function copyOf(bytes: unknown): Bytes | undefined {
  return bytes instanceof Uint8Array ? new Uint8Array(bytes) : undefined
}

function checkType(type: 'certify' | 'creation', { quote }: ParsedEvidence): Verdict {
  return quote.value?.attested.type === type
    ? pass('TYPE_WANTED', `the structure is of type ${type}`)
    : fail('TYPE_WRONG', `the structure is not of type ${type}`)
}

/** Checks that the statement names this very object, whose private part was made in the TPM and stays there. */
function checkObject({ quote }: ParsedEvidence, object: Parsed<AttestationKey>): Verdict {
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
  const missing = missingAttributes(object.value.publicArea)
  return missing.length === 0
    ? pass('OBJECT_NAMED', 'the key states that this object was made in its TPM and stays there')
    : fail('OBJECT_ATTRIBUTE_MISSING', `the object is not ${missing.join(', not ')}`)
}

/** Checks that the object can be used through the expected policy and in no other way. */
function checkAuthPolicy(
  object: Parsed<AttestationKey>,
  expected: Uint8Array | undefined,
): Verdict {
  if (expected === undefined) {
    return skip(
      'AUTH_POLICY_NOT_ASKED',
      'no authPolicy was given: the machine state is not appraised',
    )
  }
  if (object.value === undefined) return fail('STRUCTURE_INVALID', `the object ${object.problem}`)
  const { authPolicy, objectAttributes } = object.value.publicArea
  if (!equalBytes(authPolicy, expected)) {
    return fail('AUTH_POLICY_MISMATCH', 'the object has another authPolicy', {
      expected: toHex(expected),
      actual: toHex(authPolicy),
    })
  }
  return (objectAttributes & TPMA_OBJECT.userWithAuth) === 0
    ? pass('AUTH_POLICY_EQUAL', 'the TPM itself refuses to use the object in any other state')
    : fail('AUTH_POLICY_AVOIDABLE', 'the object can be used without its authPolicy')
}
