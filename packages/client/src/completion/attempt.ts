import { AttestationError, type AttestationResult } from '@nomyo/attest'
import {
  SecurityError,
  openJson,
  publicKeyToHeader,
  sealEnvelope,
  type OpenedJson,
  type PublicKey,
} from '@nomyo/crypto'
import {
  APIConnectionError,
  APIError,
  abortable,
  errorFromResponse,
  startDeadline,
  type Transport,
} from '@nomyo/transport'
import { appraiseAnswer, type Attestation } from '../attestation/answer.js'
import type { ClientConfig, CompletionStep } from '../config/options.js'
import type { KeyAttestationResult } from '../attestation/key-attestation.js'
import { newPayloadId } from './payload-id.js'
import { emitReceipt } from './receipt.js'
import type { ReplyGuard } from './reply-guard.js'
import type { ReplyKeyLease, ReplyKeyManager } from '../keys/reply-key-manager.js'
import { splitRequest, type SplitRequest } from './seal-request.js'
import { checkPayloadId, toChatCompletion } from './open-response.js'
import type { ServerKey } from '../keys/server-key.js'
import type { ChatCompletion } from '../types/index.js'

/** The parts of a client that an attempt uses. */
export interface AttemptContext {
  readonly config: ClientConfig
  readonly transport: Transport
  readonly serverKey: ServerKey
  /** Undefined where machines are not judged. */
  readonly attestation: Attestation | undefined
  readonly replyGuard: ReplyGuard
  readonly replyKeys: ReplyKeyManager
}

/** What one call sets for itself. */
export interface CallSettings {
  /** Ends the call before its deadline does. */
  readonly stop: AbortSignal
  /** Milliseconds for one attempt. */
  readonly timeoutMs: number
  /** Checked headers, sent beside those of the protocol. */
  readonly headers: Readonly<Record<string, string>>
  /** Gives the id of the next attempt; never the same twice. */
  readonly nextPayloadId: () => string
}

/** Room for the answer's own envelope: a 10 MiB completion and its base64. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024

/**
 * One attempt at a chat completion, straight through: seal (plaintext ends here), send, open
 * (plaintext begins again), check. Every attempt has its own payload id, AES key and nonce, so a
 * gateway can refuse repeats.
 *
 * When the gateway answers 400 and has another key than the one sealed for, the request is sealed
 * afresh for the new key and sent once more.
 */
export async function attemptCompletion(
  request: SplitRequest,
  context: AttemptContext,
  settings: CallSettings,
): Promise<ChatCompletion> {
  const deadline = startDeadline(settings.timeoutMs, [settings.stop])
  const call: Call = {
    request,
    context,
    settings,
    signal: deadline.signal,
    step: stepTimer(context.config),
  }
  try {
    const keys = await prepareKeys(call)
    try {
      return await runAttempt(keys, call)
    } catch (error) {
      if (!isBadRequest(error) || !(await hasNewKey(keys.serverKey, call))) throw error
      return await runAttempt(await prepareKeys(call), call)
    }
  } finally {
    deadline.clear()
  }
}

/** One call under way. */
interface Call {
  readonly request: SplitRequest
  readonly context: AttemptContext
  readonly settings: CallSettings
  readonly signal: AbortSignal
  readonly step: StepTimer
}

/** What an attempt is sealed with. */
interface AttemptKeys {
  readonly lease: ReplyKeyLease
  readonly serverKey: PublicKey
}

/** Keys, and what was found when the machine vouched for the server's, where it was asked. */
interface PreparedKeys extends AttemptKeys {
  readonly vouched: KeyAttestationResult | undefined
}

/** Keys for an attempt, once the machine has vouched for the server key, where that was asked for. */
async function prepareKeys(call: Call, mayBeRenewed = true): Promise<PreparedKeys> {
  const keys = await readyKeys(call)
  try {
    return { ...keys, vouched: await attest(keys.serverKey, call) }
  } catch (error) {
    keys.lease.release()
    // The machine vouches for the key it has now: after a change that is another one.
    const isOutdated =
      mayBeRenewed && error instanceof AttestationError && (await hasNewKey(keys.serverKey, call))
    if (!isOutdated) throw error
    return prepareKeys(call, false)
  }
}

/** Has the machine vouch for a key, unless answers are all that is judged. */
async function attest(serverKey: PublicKey, call: Call): Promise<KeyAttestationResult | undefined> {
  const { attestation } = call.context
  if (attestation?.config.when !== 'before-send') return undefined
  const { canary } = attestation.config
  const preflight =
    canary === undefined
      ? undefined
      : (signal: AbortSignal) =>
          askCanary(canary.model, serverKey, attestation, { ...call, signal })
  return call.step('attest', attestation.key.attest(serverKey, call.signal, preflight))
}

/** Nothing of anybody's: what is asked is the same for everybody. */
const CANARY_MESSAGE = { role: 'user', content: 'Say OK.' } as const

async function askCanary(
  model: string,
  serverKey: PublicKey,
  attestation: Attestation,
  call: Call,
): Promise<AttestationResult> {
  const { context, signal } = call
  const lease = await abortable(context.replyKeys.lease(), signal)
  const { apiKey, securityTier } = call.request
  const { payload } = splitRequest(
    { model, messages: [CANARY_MESSAGE], max_tokens: 1 },
    context.config.padding,
  )
  const request = { payload, apiKey, securityTier }
  const settings = { ...call.settings, nextPayloadId: newPayloadId }
  const { opened, payloadId } = await sendSealed(
    { lease, serverKey },
    { ...call, request, settings },
  )
  return appraiseAnswer(opened, payloadId, attestation, { subject: 'canary' })
}

/** A key that cannot be asked for is no new key: the 400 itself is what the caller gets to know. */
async function hasNewKey(used: PublicKey, { context, signal }: Call): Promise<boolean> {
  try {
    return await context.serverKey.hasChangedFrom(used, signal)
  } catch (error) {
    // Except where asking brought up a key that must not be trusted.
    if (error instanceof SecurityError || signal.aborted) throw error
    return false
  }
}

/** Making the reply key and fetching the server key overlap; the first failure of either counts. */
async function readyKeys({ context, signal, step }: Call): Promise<AttemptKeys> {
  const leasing = context.replyKeys.lease()
  try {
    const [lease, serverKey] = await Promise.all([
      step('reply-key', abortable(leasing, signal)),
      step('server-key', context.serverKey.get(signal)),
    ])
    return { lease, serverKey }
  } catch (error) {
    leasing.then(
      (late) => {
        late.release()
      },
      () => undefined,
    )
    throw error
  }
}

async function runAttempt(keys: PreparedKeys, call: Call): Promise<ChatCompletion> {
  const { attestation } = call.context
  const answer = await sendSealed(keys, call)
  const { opened, payloadId } = answer
  const { vouched } = keys
  const result =
    attestation === undefined
      ? undefined
      : await appraiseAnswer(opened, payloadId, attestation, { vouched: vouched?.result })
  await emitReceipt(
    { ...answer, serverKey: keys.serverKey, vouched, result },
    call.request,
    call.context.config,
  )
  return toChatCompletion(opened, payloadId, result)
}

/** An answer that was opened, and the request it answers. */
interface Answer {
  readonly opened: OpenedJson
  readonly payloadId: string
}

async function sendSealed({ lease, serverKey }: AttemptKeys, call: Call): Promise<Answer> {
  const { request, context, settings, signal, step } = call
  const { publicKey, privateKey } = lease.pair
  const payloadId = settings.nextPayloadId()
  try {
    const body = await step('seal', sealEnvelope(request.payload, serverKey))
    const response = await step(
      'send',
      context.transport.send({
        method: 'POST',
        path: '/v1/chat/secure_completion',
        headers: headersOf(call, payloadId, publicKey),
        body,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        signal,
      }),
    )
    if (response.status !== 200) throw errorFromResponse(response, payloadId)
    const opened = await step('open', openJson(response.body, privateKey))
    context.replyGuard.accept(opened.replayId)
    checkPayloadId(opened.value, payloadId)
    return { opened, payloadId }
  } catch (error) {
    if (error instanceof SecurityError || error instanceof APIConnectionError) {
      error.payloadId ??= payloadId
    }
    throw error
  } finally {
    lease.release()
  }
}

function headersOf(
  { request, context, settings }: Call,
  payloadId: string,
  replyKey: PublicKey,
): Record<string, string> {
  const apiKey = request.apiKey ?? context.config.apiKey
  return {
    ...context.config.defaultHeaders,
    ...settings.headers,
    'content-type': 'application/octet-stream',
    'x-payload-id': payloadId,
    'x-public-key': publicKeyToHeader(replyKey),
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...(request.securityTier === undefined ? {} : { 'x-security-tier': request.securityTier }),
  }
}

function isBadRequest(error: unknown): boolean {
  return error instanceof APIError && error.statusCode === 400
}

type StepTimer = <T>(name: CompletionStep['name'], work: Promise<T>) => Promise<T>

function stepTimer({ onStep, log }: ClientConfig): StepTimer {
  return async (name, work) => {
    const start = performance.now()
    const result = await work
    const durationMs = performance.now() - start
    onStep({ name, durationMs })
    log.debug(`${name} took ${durationMs.toFixed(1)} ms`)
    return result
  }
}
