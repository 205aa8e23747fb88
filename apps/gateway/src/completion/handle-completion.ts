import { payloadIdExtraData, type TpmAttestation } from '@nomyo/attest'
import { SecurityError, openJson, sealJson, type KeyRing, type PublicKey } from '@nomyo/crypto'
import type { Admission } from './load-shedder.js'
import type { AdmittedCaller } from '../access/access-control.js'
import { authorize } from '../access/authorize.js'
import { cannotAttest, type Attestor } from '../attestation/attestor.js'
import { parseChatRequest } from './chat-request.js'
import type { Engine } from '../upstreams/engine.js'
import { HttpError } from '../http-error.js'
import type { Metrics } from '../observability/metrics.js'
import { refuseReplay } from './replay/refuse.js'
import type { ReplyKeys } from './reply-key-cache.js'
import type { ReplayMemory } from './replay/replay-memory.js'
import { SECURITY_TIERS, type SecurityTier } from '../access/security-tier.js'
import type { TierPolicy } from '../access/tier-policy.js'
import type { WaitingCaller } from '../http/disconnect-signal.js'

/** What a sealed request comes with. */
export interface SealedRequest {
  readonly body: Uint8Array
  readonly payloadId: string | undefined
  readonly publicKey: string | undefined
  readonly securityTier: string | undefined
  readonly caller: AdmittedCaller
  /** Who may hang up before it is answered. */
  readonly waiting: WaitingCaller
}

/** What answers are made with. */
export interface CompletionContext {
  readonly serverKeys: KeyRing
  readonly replyKeys: ReplyKeys
  readonly engine: Engine
  readonly attestor: Attestor
  readonly replayMemory: ReplayMemory
  readonly policy?: TierPolicy | undefined
  /** Largest envelope opened, in bytes. */
  readonly maxBodyBytes: number
  /** Whether the form of nomyo-js 0.1 is opened too. */
  readonly acceptLegacyTag?: boolean | undefined
  readonly metrics: Metrics
  readonly admission: Admission
}

/**
 * The whole way of a sealed request: check its headers, open it, see that it is no replay, ask the
 * engine and the TPM, seal the answer to the key the caller sent. Plaintext exists between opening and sealing, and nowhere else.
 *
 * @returns the sealed answer
 * @throws HttpError with a text that says nothing of what was sealed
 */
export async function handleCompletion(
  request: SealedRequest,
  context: CompletionContext,
): Promise<Uint8Array> {
  const payloadId = parsePayloadId(request.payloadId)
  const securityTier = parseSecurityTier(request.securityTier)
  const replyKey = await parsePublicKey(request.publicKey, context.replyKeys)
  const opened = await context.admission.open(
    request.caller.id,
    () => open(request.body, context),
    request.waiting,
  )
  await refuseReplay(context.replayMemory, { payloadId, replayId: opened.replayId })
  const chatRequest = parseChatRequest(opened.value)
  authorize(request.caller, { model: chatRequest.model, securityTier })
  const rule = context.policy?.authorize(chatRequest.model, securityTier)
  // The TPM works while the model does: evidence then costs no time, though it cannot show what is
  // measured until the model is done. Where it is required, it comes first: no model is asked for an
  // answer that could not be given.
  const evidence = attest(context.attestor, payloadId)
  if (context.attestor.required) await evidence
  if (rule?.requireAttestation === true && !(await evidence).is_available) throw cannotAttest()
  const completion = await context.engine.complete(chatRequest, request.waiting, securityTier)
  const answer = {
    ...completion,
    // Inside the seal, so that the client can tell what was answered and how.
    _metadata: {
      payload_id: payloadId,
      response_status: 'success',
      security_tier: securityTier,
      model: chatRequest.model,
      policy_version: context.policy?.version,
      tpm_attestation: await evidence,
    },
  }
  return context.metrics.time('seal', () => sealAnswer(answer, replyKey))
}

async function attest(attestor: Attestor, payloadId: string): Promise<TpmAttestation> {
  if (attestor.kind === 'none') return { is_available: false }
  return attestor.attest(await payloadIdExtraData(payloadId))
}

async function sealAnswer(answer: object, replyKey: PublicKey): Promise<Uint8Array> {
  try {
    return await sealJson(answer, replyKey, { processedAt: Math.floor(Date.now() / 1000) })
  } catch (error) {
    // Nested too deep, an answer could not be read on the other side.
    if (error instanceof SecurityError && error.code === 'ERR_ENVELOPE_TOO_LARGE') {
      throw new HttpError(502, 'The inference backend gave an unusable answer')
    }
    throw error
  }
}

/** Visible ASCII, as uuid4 and the ids of older clients are. */
export function isPayloadId(value: string | undefined): value is string {
  return value !== undefined && /^[\x21-\x7e]{1,200}$/.test(value)
}

function parsePayloadId(value: string | undefined): string {
  if (isPayloadId(value)) return value
  throw new HttpError(400, 'X-Payload-ID must be 1 to 200 visible ASCII characters')
}

function parseSecurityTier(value: string | undefined): SecurityTier {
  const tier = SECURITY_TIERS.find((candidate) => candidate === (value ?? 'standard'))
  if (tier !== undefined) return tier
  throw new HttpError(400, `X-Security-Tier must be one of ${SECURITY_TIERS.join(', ')}`)
}

async function parsePublicKey(value: string | undefined, replyKeys: ReplyKeys): Promise<PublicKey> {
  if (value === undefined) throw new HttpError(400, 'X-Public-Key is missing')
  try {
    return await replyKeys.read(value)
  } catch (error) {
    // The header may hold a private key sent by mistake: nothing of it goes back or into a log.
    if (error instanceof SecurityError) {
      throw new HttpError(
        400,
        'X-Public-Key must be a percent-encoded PEM of an RSA key of 2048 to 8192 bits',
      )
    }
    throw error
  }
}

async function open(
  body: Uint8Array,
  context: CompletionContext,
): Promise<{ value: Record<string, unknown>; replayId: string }> {
  try {
    return await context.metrics.timeOpen(() =>
      openJson(body, context.serverKeys, {
        maxBytes: context.maxBodyBytes,
        acceptAppendedTag: context.acceptLegacyTag === true,
      }),
    )
  } catch (error) {
    // One answer for every reason, so that the gateway is no oracle.
    if (error instanceof SecurityError) {
      throw new HttpError(
        400,
        'The request could not be opened: it is malformed, or sealed for another key',
      )
    }
    throw error
  }
}
