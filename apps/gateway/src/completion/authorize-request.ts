import { payloadIdExtraData, type TpmAttestation } from '@nomyo/attest'
import { authorize } from '../access/access-control.js'
import { cacheSalt } from '../access/api-keys/cache-salt.js'
import {
  applyRequestRules,
  modelRestriction,
  type RequestMembers,
} from '../access/policy/request-rules.js'
import type { RouteMembers } from '../access/policy/route-members.js'
import type { SecurityTier } from '../access/policy/tier-policy.js'
import { cannotAttest } from '../attestation/attestor.js'
import type { ForwardContext } from '../upstreams/engine.js'
import type { AdmittedRequest, ServiceContext } from './service-context.js'

/** The part of a decrypted request that decides about it. */
export interface DecryptedRequest extends RequestMembers {
  readonly model: string
}

/** Request that may be forwarded. */
export interface AllowedRequest {
  readonly tier: SecurityTier
  readonly model: string
  /** Members to set in the request that is forwarded. */
  readonly changes: Readonly<Record<string, unknown>>
  /** Evidence for the answer: the TPM works while the model does. */
  readonly evidence: { readonly promise: Promise<TpmAttestation> }
}

/**
 * Checks a decrypted request against key, tier and rules, and has the TPM begin with the evidence. Evidence
 * that is required is awaited: no model is called for an answer that could not be sent.
 *
 * @param namedTier - tier that the request itself names, where that counts
 * @param route - the members of its route. Default: those of chat completions
 * @throws HttpError, ConfidentialRefusal
 */
export async function allowRequest(
  decrypted: DecryptedRequest,
  request: AdmittedRequest,
  context: ServiceContext,
  namedTier?: SecurityTier,
  route?: RouteMembers,
): Promise<AllowedRequest> {
  const { caller, observation, settings } = request
  const { policy, requestRules } = settings
  const { model } = decrypted
  observation.model = model
  const tier = (observation.tier = namedTier ?? request.tier)
  authorize(caller, model, tier)
  const rule = policy?.authorize(model, tier)
  const changes = applyRequestRules(decrypted, requestRules, modelRestriction(caller, rule), route)

  // The TPM works while the model does, so evidence costs no time, although it then cannot show what is
  // measured until the model has finished.
  const promise = attest(request, context)
  // Its failure is that of the answer, where it is awaited.
  promise.catch(() => undefined)
  if (context.attestor.required) await promise
  if (rule?.requireAttestation === true && !(await promise).is_available) throw cannotAttest()
  return { tier, model, changes, evidence: { promise } }
}

async function attest(
  { payloadId, observation }: AdmittedRequest,
  { attestor, metrics }: ServiceContext,
): Promise<TpmAttestation> {
  if (attestor.kind === 'none') return { is_available: false }
  const extraData = await payloadIdExtraData(payloadId)
  return observation.time('quote', () => metrics.countQuote(() => attestor.attest(extraData)))
}

/**
 * Returns the circumstances in which an allowed request is forwarded.
 *
 * @param plaintextBytes - size of the decrypted request, which stays in memory
 */
export function forwardContextOf(
  { caller, admission, observation, trace }: AdmittedRequest,
  decrypted: DecryptedRequest,
  {
    tier,
    turns,
    plaintextBytes,
  }: Pick<AllowedRequest, 'tier'> &
    Pick<ServiceContext, 'turns'> & { readonly plaintextBytes: number },
): ForwardContext {
  const ownSalt = decrypted.member('cache_salt')
  return {
    tier,
    cacheSalt: caller.cacheSecret && cacheSalt(caller.cacheSecret, ownSalt),
    turns,
    observation,
    headers: trace.upstreamHeaders(),
    reserveAnswer: (bytes) => {
      admission.account({ plaintext: plaintextBytes, answer: bytes })
    },
  }
}

/**
 * Creates the members that describe an answer, which are encrypted with it, so that the client can verify
 * what was answered and how.
 *
 * @param own - those of the wire
 */
export async function describeAnswer(
  { tier, model, evidence }: AllowedRequest,
  { payloadId, settings }: AdmittedRequest,
  host: object,
  own: Readonly<Record<string, unknown>> | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  return {
    payload_id: payloadId,
    response_status: 'success',
    security_tier: tier,
    model,
    policy_version: settings.policy?.version,
    ...host,
    tpm_attestation: await evidence.promise,
    ...own,
  }
}
