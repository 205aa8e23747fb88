import { payloadIdExtraData, type TpmAttestation } from '@nomyo/attest'
import {
  SecurityError,
  openEnvelope,
  sealJsonBytes,
  type KeyRing,
  type OpenedEnvelope,
  type PublicKey,
} from '@nomyo/crypto'
import { authorize, type Caller } from '../access/access-control.js'
import { cacheSalt } from '../access/api-keys/cache-salt.js'
import type { QuotaGuard } from '../access/quota/quota-guard.js'
import {
  applyRequestRules,
  modelRestriction,
  type RequestRules,
} from '../access/policy/request-rules.js'
import { SECURITY_TIERS, type SecurityTier, type TierPolicy } from '../access/policy/tier-policy.js'
import { cannotAttest, type Attestor } from '../attestation/attestor.js'
import { HttpError } from '../http-error.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
import { freeBytes } from '../json/free-bytes.js'
import type { JsonBytes } from '../json/json-bytes.js'
import type { JsonLimits } from '../json/json-scanner.js'
import type { HostMeasurements } from '../metadata/host-metadata.js'
import type {
  CompletionObservation,
  CompletionObserver,
} from '../observability/completion-record.js'
import type { Metrics } from '../observability/metrics/metrics.js'
import type { CompletionTrace, Tracer } from '../observability/tracing/tracer.js'
import type { Engine } from '../upstreams/engine.js'
import { UpstreamRefusal } from '../upstreams/server/upstream-refusal.js'
import { cannotBeOpened, readChatRequest } from './chat-request.js'
import type { Admission, LoadShedder } from './load/load-shedder.js'
import { refuseReplay, type ReplayCache } from './replay/refuse.js'
import type { ReplyKeyCache } from './reply-key-cache.js'
import { sealRefusals } from './seal-refusal.js'
import { responseModel, tokenUsage } from './token-usage.js'

/** Encrypted request of an admitted caller. */
export interface EncryptedRequest {
  /** Returns the envelope and forgets it, so that it is in memory for no longer than it is decrypted. */
  readonly takeBody: () => Uint8Array
  readonly admission: Admission
  readonly payloadId: string | undefined
  readonly publicKey: string | undefined
  readonly securityTier: string | undefined
  readonly caller: Caller
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
  /** Collects the facts of this request for logs and metrics. */
  readonly observation: CompletionObservation
  readonly trace: CompletionTrace
}

/** Settings that a reload replaces together, so that a request sees one version of them. */
export interface CompletionSettings {
  readonly engine: Engine
  readonly policy: TierPolicy | undefined
  readonly requestRules: RequestRules
}

/** Services that answer encrypted requests. */
export interface CompletionContext {
  readonly serverKeys: KeyRing
  readonly replyKeys: ReplyKeyCache
  /** Returns the settings for a new request. */
  readonly current: () => CompletionSettings
  readonly attestor: Attestor
  readonly replayCache: ReplayCache
  /** Size of the largest envelope that is decrypted, in bytes. */
  readonly maxBodyBytes: number
  /** Also decrypts the envelope form of nomyo-js 0.1. */
  readonly acceptLegacyTag?: boolean | undefined
  readonly metrics: Metrics
  /** Receivers of the record of every request. */
  readonly observers: readonly CompletionObserver[]
  readonly loadShedder: LoadShedder
  readonly quotaGuard: QuotaGuard
  /** Limits of a decrypted request. */
  readonly jsonLimits: JsonLimits
  readonly turns: EventLoopTurns
  readonly tracer: Tracer
  readonly hostMeasurements: HostMeasurements
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
  const { observation } = request
  const settings = context.current()
  const payloadId = parsePayloadId(request.payloadId)
  const tier = (observation.tier = parseSecurityTier(request.securityTier))
  const replyKey = await parsePublicKey(request.publicKey, context.replyKeys)

  const { plaintext, replayId, tagIsAppended } = await openRequest(request, context)
  const decrypted = { ...request, settings, payloadId, tier, replyKey, tagIsAppended }
  try {
    await refuseReplay(context.replayCache, { payloadId, replayId }, request.caller.redisWait)
    return await sealRefusals(decrypted, async () => {
      const answer = await answerRequest(plaintext, decrypted, context)
      return sealAnswer(answer, plaintext.length, decrypted, context)
    })
  } finally {
    plaintext.fill(0)
    freeBytes(plaintext)
  }
}

/** Decrypts an envelope when it is the turn of the caller. */
async function openRequest(
  request: EncryptedRequest,
  context: CompletionContext,
): Promise<OpenedEnvelope> {
  const { caller, signal, observation, admission } = request
  const body = request.takeBody()
  observation.bytesIn = body.length
  const endWait = observation.begin('queue')
  const opened = await context.loadShedder
    .decrypt(
      caller.id,
      () => {
        endWait()
        return decrypt(body, request, context)
      },
      signal,
    )
    .finally(() => {
      endWait()
      freeBytes(body)
    })
  admission.account({ plaintext: opened.plaintext.length })
  return opened
}

/** Facts of a request after decryption. */
interface DecryptedRequest {
  readonly settings: CompletionSettings
  readonly payloadId: string
  readonly tier: SecurityTier
  readonly replyKey: PublicKey
  /** True for the form of nomyo-js 0.1, which reads no other in answers. */
  readonly tagIsAppended: boolean
  readonly caller: Caller
  readonly admission: Admission
  readonly signal: AbortSignal
  readonly observation: CompletionObservation
  readonly trace: CompletionTrace
}

async function answerRequest(
  plaintext: Uint8Array,
  request: DecryptedRequest,
  context: CompletionContext,
): Promise<JsonBytes> {
  const { settings, payloadId, caller, admission, signal, observation, trace } = request
  const { engine, policy, requestRules } = settings
  const { turns } = context
  const chatRequest = await readChatRequest(plaintext, { limits: context.jsonLimits, turns })
  const { model } = chatRequest
  observation.model = model
  // nomyo-js 0.1 sends no header for its tier.
  const sealedTier = request.tagIsAppended ? chatRequest.securityTier() : undefined
  const tier = (observation.tier = sealedTier ?? request.tier)
  authorize(caller, model, tier)
  const rule = policy?.authorize(model, tier)
  const changes = applyRequestRules(chatRequest, requestRules, modelRestriction(caller, rule))

  // The TPM works while the model does, so evidence costs no time, although it then cannot show what is
  // measured until the model has finished. Required evidence comes first: no model is called for an
  // answer that could not be sent.
  const evidence = attest(context, payloadId, observation)
  if (context.attestor.required) await evidence
  if (rule?.requireAttestation === true && !(await evidence).is_available) throw cannotAttest()

  const ownSalt = chatRequest.member('cache_salt')
  const { answer } = await observation
    .time('upstream', () =>
      engine.complete(chatRequest, signal, {
        tier,
        changes,
        cacheSalt: caller.cacheSecret && cacheSalt(caller.cacheSecret, ownSalt),
        turns,
        observation,
        headers: trace.upstreamHeaders(),
        reserveAnswer: (bytes) => {
          admission.account({ plaintext: plaintext.length, answer: bytes })
        },
      }),
    )
    .catch((error: unknown) => {
      if (error instanceof UpstreamRefusal) observation.upstreamStatus = error.inner.status
      throw error
    })
  observation.upstreamStatus = 200
  observation.responseModel = responseModel(answer)
  observation.usage = tokenUsage(answer)
  // Encrypted with the answer, so that the client can verify what was answered and how.
  return answer.rewrite({
    _metadata: {
      payload_id: payloadId,
      response_status: 'success',
      security_tier: tier,
      model,
      policy_version: policy?.version,
      ...(await context.hostMeasurements.describe(answer)),
      tpm_attestation: await evidence,
    },
  })
}

async function decrypt(
  body: Uint8Array,
  { observation }: EncryptedRequest,
  context: CompletionContext,
): Promise<OpenedEnvelope> {
  try {
    return await observation.time('decrypt', () =>
      context.metrics.countDecryption(() =>
        openEnvelope(body, context.serverKeys, {
          maxBytes: context.maxBodyBytes,
          acceptAppendedTag: context.acceptLegacyTag === true,
        }),
      ),
    )
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    throw cannotBeOpened()
  }
}

async function sealAnswer(
  answer: JsonBytes,
  plaintextBytes: number,
  { caller, replyKey, tagIsAppended, admission, observation }: DecryptedRequest,
  { loadShedder }: CompletionContext,
): Promise<Uint8Array> {
  try {
    admission.account({ plaintext: plaintextBytes, answer: answer.byteLength })
    const envelope = await observation.time('encrypt', () =>
      loadShedder.encrypt(caller.id, answer.byteLength, () =>
        sealJsonBytes(answer.spans, replyKey, {
          processedAt: Math.floor(Date.now() / 1000),
          // A caller reads answers of the form that it sends.
          appendTag: tagIsAppended,
        }),
      ),
    )
    observation.bytesOut = envelope.length
    admission.account({ envelope: envelope.length })
    return envelope
  } finally {
    answer.dispose()
  }
}

async function attest(
  { attestor, metrics }: CompletionContext,
  payloadId: string,
  observation: CompletionObservation,
): Promise<TpmAttestation> {
  if (attestor.kind === 'none') return { is_available: false }
  const extraData = await payloadIdExtraData(payloadId)
  return observation.time('quote', () => metrics.countQuote(() => attestor.attest(extraData)))
}

/** Checks for visible ASCII, as in UUIDs and the ids of older clients. */
export function isPayloadId(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)
}

function parsePayloadId(value: string | undefined): string {
  if (isPayloadId(value)) return value
  throw invalidHeader('X-Payload-ID must be 1 to 200 visible ASCII characters')
}

function parseSecurityTier(value = 'standard'): SecurityTier {
  const tier = SECURITY_TIERS.find((candidate) => candidate === value)
  if (tier !== undefined) return tier
  throw invalidHeader(`X-Security-Tier must be one of ${SECURITY_TIERS.join(', ')}`)
}

async function parsePublicKey(
  value: string | undefined,
  replyKeys: ReplyKeyCache,
): Promise<PublicKey> {
  if (value === undefined) throw invalidHeader('X-Public-Key is missing')
  try {
    return await replyKeys.read(value)
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    // The header may contain a private key by mistake: neither the refusal nor the log repeats it.
    throw invalidHeader(
      'X-Public-Key must be a percent-encoded PEM of an RSA key of 2048 to 8192 bits',
    )
  }
}

const invalidHeader = (detail: string): HttpError =>
  new HttpError(400, detail, undefined, 'header_invalid')
