import { EXIT } from '@nomyo-internal/command-line'
import { appraise, requireTier, type AppraisalPolicy, type AttestationResult } from '@nomyo/attest'
import { fetchKeyEvidence } from '@nomyo/client/gateway-api'
import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { APIError } from '@nomyo/transport'
import { CommandError } from '../describe-error.js'
import type { GatewayAddress, GatewaySettings } from '../settings/gateway-settings.js'
import { readPolicy } from '../settings/policy.js'
import { withTransport } from './fetch.js'

/** Evidence of a gateway for a fresh nonce. */
export interface GatewayEvidence {
  readonly evidence: unknown
  readonly nonce: Uint8Array
  /** DER of the key that the evidence is for, as the gateway names it. */
  readonly spki: Uint8Array
  /** `sha256/…` of that key. */
  readonly fingerprint: string
}

/**
 * Requests evidence for the encryption key of a gateway. Nothing is appraised.
 *
 * @throws UsageError, APIError, APIConnectionError; CommandError for an answer without a key
 */
export async function fetchGatewayEvidence(address: GatewayAddress): Promise<GatewayEvidence> {
  const { evidence, nonce, publicKey = '' } = await withTransport(address, fetchKeyEvidence)
  const key = await importPublicKey(publicKey, { minBits: 2048 }).catch(() => {
    throw new CommandError(
      'the gateway did not answer a request for evidence as a gateway does',
      EXIT.unreachable,
    )
  })
  return { evidence, nonce, spki: key.spkiDer, fingerprint: key.fingerprint }
}

/**
 * Appraises a gateway by a policy file. Throws as {@link fetchGatewayEvidence} does.
 *
 * @returns the result, and the fingerprint of the encryption key that the machine endorses
 */
export async function attestGateway(
  address: GatewayAddress,
  policyPath: string,
): Promise<{ result: AttestationResult; fingerprint: string }> {
  const policy = await readPolicy(policyPath)
  const answer = await fetchGatewayEvidence(address)
  return { result: await appraiseAnswer(answer, policy), fingerprint: answer.fingerprint }
}

/**
 * Stops at a machine that does not satisfy the policy of the settings. Without a policy nothing is
 * requested. Must come before any request with an API key.
 *
 * @param key - trusted server key, which the machine must endorse
 * @param onResult - receives the result, also a bad one
 * @throws AttestationError, CommandError; else as {@link attestGateway}
 */
export async function requireMachine(
  settings: GatewaySettings,
  key: PublicKey,
  onResult?: (result: AttestationResult) => void,
): Promise<void> {
  const { policy } = settings
  if (policy === undefined) return
  const { result, fingerprint } = await attestGateway(settings, policy).catch((error: unknown) => {
    if (!isEvidenceMissing(error)) throw error
    throw new CommandError(
      'the policy requires evidence, and the gateway offers none',
      EXIT.security,
    )
  })
  onResult?.(result)
  requireTier(result, 'affirming')
  if (fingerprint !== key.fingerprint) {
    throw new CommandError(
      'the machine endorses another key than that of the gateway',
      EXIT.security,
    )
  }
}

/** Tells whether an error means that a gateway offers no evidence at all. */
export const isEvidenceMissing = (error: unknown): boolean =>
  error instanceof APIError && error.statusCode === 404

/** Reads the evidence that a gateway offers, and trusts no key for it. */
export const describeOffer = async (address: GatewayAddress): Promise<AttestationResult> =>
  appraiseAnswer(await fetchGatewayEvidence(address), { requiredPcrs: 'sha256:0', trust: 'none' })

const appraiseAnswer = (
  { evidence, nonce, spki }: GatewayEvidence,
  policy: Omit<AppraisalPolicy, 'nonce' | 'now'>,
): Promise<AttestationResult> =>
  appraise(evidence, { ...policy, nonce: { nonce, spki }, now: new Date() })
