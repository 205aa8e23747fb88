import { payloadIdExtraData, type TpmAttestation } from '@nomyo/attest'
import { authorize, type Caller } from '../access/access-control.js'
import { cacheSalt } from '../access/api-keys/cache-salt.js'
import type { QuotaGuard } from '../access/quota/quota-guard.js'
import {
  applyRequestRules,
  modelRestriction,
  type RequestRules,
} from '../access/policy/request-rules.js'
import type { SecurityTier, TierPolicy } from '../access/policy/tier-policy.js'
import { cannotAttest, type Attestor } from '../attestation/attestor.js'
import type { EventLoopTurns } from '../json/event-loop-turns.js'
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
import type { ListedModels } from '../upstreams/listed-models.js'
import { UpstreamRefusal } from '../upstreams/server/upstream-refusal.js'
import { readChatRequest } from './chat-request.js'
import type { Admission, LoadShedder } from './load/load-shedder.js'
import { responseModel, tokenUsage } from './token-usage.js'

/** Settings that a reload replaces together, so that a request sees one version of them. */
export interface CompletionSettings {
  readonly engine: Engine
  readonly policy: TierPolicy | undefined
  readonly requestRules: RequestRules
}

/** Services that admit, answer and observe encrypted requests of every wire. */
export interface ServiceContext {
  /** Returns the settings for a new request. */
  readonly current: () => CompletionSettings
  readonly attestor: Attestor
  /** Size of the largest encrypted request, in bytes. */
  readonly maxBodyBytes: number
  readonly metrics: Metrics
  /** Receivers of the record of every request. */
  readonly observers: readonly CompletionObserver[]
  readonly loadShedder: LoadShedder
  readonly quotaGuard: QuotaGuard
  /** Returns the limits of a decrypted request. */
  readonly jsonLimits: () => JsonLimits
  readonly turns: EventLoopTurns
  readonly tracer: Tracer
  readonly hostMeasurements: HostMeasurements
  readonly listedModels: ListedModels
}

/** Admitted request, and the means to follow it. */
export interface AdmittedRequest {
  readonly settings: CompletionSettings
  /** Identifies the request in evidence and in the metadata of its answer. */
  readonly payloadId: string
  readonly tier: SecurityTier
  readonly caller: Caller
  readonly admission: Admission
  /** Aborts when the caller disconnects. */
  readonly signal: AbortSignal
  /** Collects the facts of this request for logs and metrics. */
  readonly observation: CompletionObservation
  readonly trace: CompletionTrace
}

/** Decrypted request. */
export interface OpenedCompletion extends AdmittedRequest {
  /** JSON of the request; the caller overwrites it after the answer. */
  readonly plaintext: Uint8Array
  /** The tier that the plaintext names counts, as in nomyo-js 0.1. Default false. */
  readonly namesTier?: boolean
  /** Further members of the `_metadata` of the answer. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

/**
 * Answers a decrypted request: read it, authorize it, call the model server and the TPM. The same for
 * every wire.
 *
 * @returns the answer in plaintext, to be encrypted and disposed of
 * @throws HttpError whose text reveals nothing of the plaintext; ConfidentialRefusal with more for the caller
 */
export async function answerCompletion(
  request: OpenedCompletion,
  context: ServiceContext,
): Promise<JsonBytes> {
  const { plaintext, settings, payloadId, caller, admission, signal, observation, trace } = request
  const { engine, policy, requestRules } = settings
  const { turns } = context
  const chatRequest = await readChatRequest(plaintext, { limits: context.jsonLimits(), turns })
  const { model } = chatRequest
  observation.model = model
  const named = request.namesTier === true ? chatRequest.securityTier() : undefined
  const tier = (observation.tier = named ?? request.tier)
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
      ...request.metadata,
    },
  })
}

async function attest(
  { attestor, metrics }: ServiceContext,
  payloadId: string,
  observation: CompletionObservation,
): Promise<TpmAttestation> {
  if (attestor.kind === 'none') return { is_available: false }
  const extraData = await payloadIdExtraData(payloadId)
  return observation.time('quote', () => metrics.countQuote(() => attestor.attest(extraData)))
}
