import { payloadIdExtraData, type TpmAttestation } from '@nomyo/attest'
import { SecurityError, openJson, sealJson, type KeyRing, type PublicKey } from '@nomyo/crypto'
import { authorize, type Caller } from '../access/access-control.js'
import { SECURITY_TIERS, type SecurityTier, type TierPolicy } from '../access/tier-policy.js'
import { cannotAttest, type Attestor } from '../attestation/attestor.js'
import { HttpError } from '../http-error.js'
import type { Metrics } from '../observability/metrics.js'
import type { Engine } from '../upstreams/engine.js'
import { parseChatRequest } from './chat-request.js'
import type { LoadShedder } from './load-shedder.js'
import { refuseReplay, type ReplayCache } from './replay/refuse.js'
import type { ReplyKeyCache } from './reply-key-cache.js'
import { sealRefusals } from './seal-refusal.js'

/** Encrypted request of an admitted caller. */
export interface EncryptedRequest {
  readonly body: Uint8Array
  readonly payloadId: string | undefined
  readonly publicKey: string | undefined
  readonly securityTier: string | undefined
  readonly caller: Caller
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
}

/** Services that answer encrypted requests. */
export interface CompletionContext {
  readonly serverKeys: KeyRing
  readonly replyKeys: ReplyKeyCache
  readonly engine: Engine
  readonly attestor: Attestor
  readonly replayCache: ReplayCache
  readonly policy?: TierPolicy | undefined
  /** Size of the largest envelope that is decrypted, in bytes. */
  readonly maxBodyBytes: number
  /** Also decrypts the envelope form of nomyo-js 0.1. */
  readonly acceptLegacyTag?: boolean | undefined
  readonly metrics: Metrics
  readonly loadShedder: LoadShedder
}

/**
 * Answers an encrypted request: check its headers, decrypt, refuse a replay, authorize, call the engine
 * and the TPM, encrypt the answer to the key of the caller. Plaintext exists between decryption and
 * encryption only.
 *
 * @returns the encrypted answer
 * @throws HttpError whose text reveals nothing of the plaintext; SealedRefusal with more for the caller
 */
export async function handleCompletion(
  request: EncryptedRequest,
  context: CompletionContext,
): Promise<Uint8Array> {
  const payloadId = parsePayloadId(request.payloadId)
  const tier = parseSecurityTier(request.securityTier)
  const replyKey = await parsePublicKey(request.publicKey, context.replyKeys)

  const envelope = await context.loadShedder.decrypt(
    request.caller.id,
    () => decrypt(request.body, context),
    request.signal,
  )
  await refuseReplay(context.replayCache, { payloadId, replayId: envelope.replayId })
  const decrypted = { ...request, value: envelope.value, payloadId, tier, replyKey }
  return sealRefusals(decrypted, () => answerRequest(decrypted, context))
}

/** Request of a caller after decryption. */
interface DecryptedRequest {
  readonly value: Record<string, unknown>
  readonly payloadId: string
  readonly tier: SecurityTier
  readonly replyKey: PublicKey
  readonly caller: Caller
  readonly signal: AbortSignal
}

async function answerRequest(
  { value, payloadId, tier, replyKey, caller, signal }: DecryptedRequest,
  context: CompletionContext,
): Promise<Uint8Array> {
  const chatRequest = parseChatRequest(value)
  const { model } = chatRequest
  authorize(caller, model, tier)
  const rule = context.policy?.authorize(model, tier)

  // The TPM works while the model does, so evidence costs no time, although it then cannot show what is
  // measured until the model has finished. Required evidence comes first: no model is called for an
  // answer that could not be sent.
  const evidence = attest(context, payloadId)
  if (context.attestor.required) await evidence
  if (rule?.requireAttestation === true && !(await evidence).is_available) throw cannotAttest()

  const completion = await context.metrics.time('engine', () =>
    context.engine.complete(chatRequest, signal, tier),
  )
  const answer = {
    ...completion,
    // Encrypted with the answer, so that the client can verify what was answered and how.
    _metadata: {
      payload_id: payloadId,
      response_status: 'success',
      security_tier: tier,
      model,
      policy_version: context.policy?.version,
      tpm_attestation: await evidence,
    },
  }
  return context.metrics.time('seal', () => encrypt(answer, replyKey))
}

async function decrypt(
  body: Uint8Array,
  context: CompletionContext,
): Promise<{ value: Record<string, unknown>; replayId: string }> {
  try {
    return await context.metrics.timeDecryption(() =>
      openJson(body, context.serverKeys, {
        maxBytes: context.maxBodyBytes,
        acceptAppendedTag: context.acceptLegacyTag === true,
      }),
    )
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    // One text for every reason, so that the gateway is no oracle.
    throw new HttpError(
      400,
      'The request could not be opened: it is malformed, or sealed for another key',
    )
  }
}

async function encrypt(answer: object, replyKey: PublicKey): Promise<Uint8Array> {
  try {
    return await sealJson(answer, replyKey, { processedAt: Math.floor(Date.now() / 1000) })
  } catch (error) {
    // The client could not read an answer with deeper nesting.
    if (error instanceof SecurityError && error.code === 'ERR_ENVELOPE_TOO_LARGE') {
      throw new HttpError(502, 'The inference backend gave an unusable answer')
    }
    throw error
  }
}

async function attest(
  { attestor, metrics }: CompletionContext,
  payloadId: string,
): Promise<TpmAttestation> {
  if (attestor.kind === 'none') return { is_available: false }
  const extraData = await payloadIdExtraData(payloadId)
  return metrics.timeQuote(() => attestor.attest(extraData))
}

/** Checks for visible ASCII, as in UUIDs and the ids of older clients. */
export function isPayloadId(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)
}

function parsePayloadId(value: string | undefined): string {
  if (isPayloadId(value)) return value
  throw new HttpError(400, 'X-Payload-ID must be 1 to 200 visible ASCII characters')
}

function parseSecurityTier(value = 'standard'): SecurityTier {
  const tier = SECURITY_TIERS.find((candidate) => candidate === value)
  if (tier !== undefined) return tier
  throw new HttpError(400, `X-Security-Tier must be one of ${SECURITY_TIERS.join(', ')}`)
}

async function parsePublicKey(
  value: string | undefined,
  replyKeys: ReplyKeyCache,
): Promise<PublicKey> {
  if (value === undefined) throw new HttpError(400, 'X-Public-Key is missing')
  try {
    return await replyKeys.read(value)
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    // The header may contain a private key by mistake: neither the refusal nor the log repeats it.
    throw new HttpError(
      400,
      'X-Public-Key must be a percent-encoded PEM of an RSA key of 2048 to 8192 bits',
    )
  }
}
