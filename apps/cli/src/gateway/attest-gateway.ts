import { EXIT, type Wire } from '@nomyo-internal/command-line'
import {
  appraise,
  type AppraisalPolicy,
  type AttestationResult,
  type NonceExpectation,
} from '@nomyo/attest'
import { fetchKeyEvidence, fetchStatementEvidence } from '@nomyo/client/gateway-api'
import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { parseKeyStatement, type KeyStatement } from '@nomyo/crypto/wire-2'
import { APIError, type Transport } from '@nomyo/transport'
import { CommandError } from '../describe-error.js'
import type { GatewayAddress } from '../settings/gateway-settings.js'
import { readPolicy } from '../settings/policy.js'
import { withTransport } from './fetch.js'

/** Evidence of a gateway for a fresh nonce. */
export type GatewayEvidence = KeyEvidence | StatementEvidence

/** Evidence for the key of wire 1. */
export interface KeyEvidence {
  readonly wire: 1
  readonly evidence: unknown
  readonly nonce: Uint8Array
  /** DER of the key that the evidence is for, as the gateway names it. */
  readonly spki: Uint8Array
  /** `sha256/…` of that key. */
  readonly fingerprint: string
}

/** Evidence for the key statement of wire 2. */
export interface StatementEvidence {
  readonly wire: 2
  readonly evidence: unknown
  readonly nonce: Uint8Array
  /** Its form, times and signatures are valid; whether to trust an identity is open. */
  readonly statement: KeyStatement
}

/**
 * Requests evidence for the encryption keys of a gateway. Nothing is appraised.
 *
 * @param wire - the wire whose keys it is for; `auto` is wire 2 where the gateway offers it
 * @throws UsageError, APIError, APIConnectionError; CommandError for an answer without a key;
 * SecurityError for a key statement that is malformed or expired
 */
export async function fetchGatewayEvidence(
  address: GatewayAddress,
  wire: Wire,
): Promise<GatewayEvidence> {
  return withTransport(address, async (transport) => {
    const forStatement = wire === 1 ? undefined : await requestStatementEvidence(transport, wire)
    return forStatement ?? requestKeyEvidence(transport)
  })
}

async function requestStatementEvidence(
  transport: Transport,
  wire: 2 | 'auto',
): Promise<StatementEvidence | undefined> {
  try {
    const { document, evidence, nonce } = await fetchStatementEvidence(transport)
    if (document !== undefined) {
      const statement = await parseKeyStatement(document, { now: Date.now() / 1000 })
      return { wire: 2, evidence, nonce, statement }
    }
  } catch (error) {
    // The 404 of a gateway without a TPM, or without wire 2: the next request tells which.
    if (wire === 2 || !isEvidenceMissing(error)) throw error
  }
  if (wire === 'auto') return undefined
  throw new CommandError('the gateway gave evidence, but none for wire 2', EXIT.unreachable)
}

async function requestKeyEvidence(transport: Transport): Promise<KeyEvidence> {
  const { evidence, nonce, publicKey = '' } = await fetchKeyEvidence(transport)
  const key = await importPublicKey(publicKey, { minBits: 2048 }).catch(() => {
    throw new CommandError(
      'the gateway did not answer a request for evidence as a gateway does',
      EXIT.unreachable,
    )
  })
  return { wire: 1, evidence, nonce, spki: key.spkiDer, fingerprint: key.fingerprint }
}

/** The subject of evidence, as a policy expects it. */
export const subjectOf = (given: GatewayEvidence): NonceExpectation =>
  given.wire === 1
    ? { nonce: given.nonce, spki: given.spki }
    : { nonce: given.nonce, statement: given.statement.bytes }

/**
 * Appraises a gateway by a policy file. Throws as {@link fetchGatewayEvidence} does.
 *
 * @returns the result, and the evidence with its subject
 */
export async function attestGateway(
  address: GatewayAddress,
  policyPath: string,
  wire: Wire,
): Promise<{ result: AttestationResult; given: GatewayEvidence }> {
  const policy = await readPolicy(policyPath)
  const given = await fetchGatewayEvidence(address, wire)
  return { result: await appraiseEvidence(given, policy), given }
}

/** Tells whether the subject of evidence is this server key, or a statement of the same signer. */
export function endorses(given: GatewayEvidence, keys: PublicKey | KeyStatement): boolean {
  if (given.wire === 1) return 'fingerprint' in keys && given.fingerprint === keys.fingerprint
  // The statement may have been replaced between two requests.
  const { identities } = given.statement
  return 'identities' in keys && keys.identities.some((one) => identities.includes(one))
}

/** Tells whether an error means that a gateway offers no evidence at all. */
export const isEvidenceMissing = (error: unknown): boolean =>
  error instanceof APIError && error.statusCode === 404

/** Reads the evidence that a gateway offers, and trusts no key for it. */
export const describeOffer = async (
  address: GatewayAddress,
  wire: Wire,
): Promise<AttestationResult> =>
  appraiseEvidence(await fetchGatewayEvidence(address, wire), {
    requiredPcrs: 'sha256:0',
    trust: 'none',
  })

const appraiseEvidence = (
  given: GatewayEvidence,
  policy: Omit<AppraisalPolicy, 'nonce' | 'now'>,
): Promise<AttestationResult> =>
  appraise(given.evidence, { ...policy, nonce: subjectOf(given), now: new Date() })
