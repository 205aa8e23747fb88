import { AttestationError } from '@nomyo/attest/errors'
import { SecurityError, publicKeyToHeader, sealEnvelope, type PublicKey } from '@nomyo/crypto'
import { APIConnectionError, APIError, abortable } from '@nomyo/transport'
import type { KeyAttestationResult } from '../attestation/key-attestation.js'
import { credentials, isUnexplained, type Call } from '../completion/call.js'
import { checkChoices } from '../completion/read-completion.js'
import { timeStep } from '../completion/step-timer.js'
import type { ChatCompletion } from '../types/response.js'
import type { ApiKeyProbe } from './api-key-probe.js'
import { openError } from './open-error.js'
import { openResponse, type ResponseContext } from './open-response.js'
import type { ReplyKeyLease, ReplyKeyManager } from './reply-key-manager.js'

/** The parts of a client that wire 1 uses. */
export interface Wire1Context extends ResponseContext {
  readonly replyKeys: ReplyKeyManager
  readonly apiKeyProbe: ApiKeyProbe
}

/** A call in progress on wire 1. */
interface Wire1Call extends Call {
  readonly context: Wire1Context
}

/** Room for the response envelope: a 10 MiB completion and its base64. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024

/**
 * Makes one attempt on wire 1. Every attempt has its own payload id, AES key and nonce, so that a gateway
 * can refuse repeats.
 *
 * When the gateway answers 400 and has another key than the one used, the request is encrypted to the
 * new key and sent once more.
 */
export async function attemptOnWire1(given: Call, context: Wire1Context): Promise<ChatCompletion> {
  const call = { ...given, context }
  const keys = await prepareKeys(call)
  try {
    return await runAttempt(keys, call)
  } catch (error) {
    if (!isBadRequest(error) || !(await hasNewKey(keys.serverKey, call))) throw error
    return await runAttempt(await prepareKeys(call), call)
  }
}

/** The keys of an attempt. */
interface AttemptKeys {
  readonly lease: ReplyKeyLease
  readonly serverKey: PublicKey
  readonly attested: KeyAttestationResult | undefined
}

/** A server key, with its attestation where the configuration requires one. */
type AttestedKey = Omit<AttemptKeys, 'lease'>

/** Runs the creation of the reply key and the checks of the server key together; the first failure counts. */
async function prepareKeys(call: Wire1Call): Promise<AttemptKeys> {
  const { context, signal } = call
  const { config, replyKeys, apiKeyProbe } = context
  const leasing = replyKeys.lease()
  try {
    const attesting = attestedServerKey(call)
    const probing = apiKeyProbe.during(leasing, attesting, credentials(call), signal)
    const [lease, key] = await Promise.all([
      timeStep('reply-key', abortable(probing, signal), config),
      attesting,
    ])
    return { lease, ...key }
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

async function attestedServerKey(call: Wire1Call, mayBeRenewed = true): Promise<AttestedKey> {
  const { context, signal } = call
  const serverKey = await timeStep('server-key', context.serverKey.get(signal), context.config)
  try {
    return { serverKey, attested: await attestKey(serverKey, context, signal) }
  } catch (error) {
    // The machine attests its current key: after a change that is another one.
    const isOutdated =
      mayBeRenewed && error instanceof AttestationError && (await hasNewKey(serverKey, call))
    if (!isOutdated) throw error
    return attestedServerKey(call, false)
  }
}

/**
 * Has the machine attest the server key where the configuration requires that before sending, then records
 * a first use: a key that is refused must not be trusted by other programs.
 */
export async function attestKey(
  serverKey: PublicKey,
  { attestation, config, serverKey: current }: ResponseContext,
  signal: AbortSignal,
): Promise<KeyAttestationResult | undefined> {
  const isRequired = attestation?.config.when === 'before-send'
  const attested = isRequired
    ? await timeStep('attest', attestation.verify(serverKey, signal), config)
    : undefined
  // Else the answer has to be appraised first.
  if (attestation === undefined || isRequired) await abortable(current.accept(serverKey), signal)
  return attested
}

/** Resolves with false where the key cannot be fetched: the caller then gets the original error. */
async function hasNewKey(used: PublicKey, { context, signal }: Wire1Call): Promise<boolean> {
  try {
    return await context.serverKey.hasChangedFrom(used, signal)
  } catch (error) {
    // A key that must not be trusted is the more important error.
    if (error instanceof SecurityError || signal.aborted) throw error
    return false
  }
}

async function runAttempt(keys: AttemptKeys, call: Wire1Call): Promise<ChatCompletion> {
  const { lease, serverKey, attested } = keys
  const { request, context, settings, signal } = call
  const { config, transport, pace } = context
  const { payload } = request
  const payloadId = settings.nextPayloadId()
  try {
    if (pace) await timeStep('pace', pace.wait(signal), config)
    const body = await timeStep('seal', sealEnvelope(payload, serverKey), config)
    const sending = transport.send({
      method: 'POST',
      path: '/v1/chat/secure_completion',
      headers: headersOf(call, payloadId, lease.pair.publicKey),
      body,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      signal,
    })
    const response = await timeStep('send', sending, config)
    const sealed = { body: response.body, payloadId, replyKey: lease.pair.privateKey }
    if (response.status !== 200) {
      const error = await openError(response, sealed, context)
      if (pace && isUnexplained(error)) pace.hold(config.log)
      throw error
    }
    const completion = await openResponse(sealed, { payload, serverKey, attested }, context)
    checkChoices(completion)
    return completion
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
  call: Wire1Call,
  payloadId: string,
  replyKey: PublicKey,
): Record<string, string> {
  const { securityTier } = call.request
  const { apiKey, headers } = credentials(call)
  return {
    ...headers,
    'content-type': 'application/octet-stream',
    'x-payload-id': payloadId,
    'x-public-key': publicKeyToHeader(replyKey),
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...(securityTier === undefined ? {} : { 'x-security-tier': securityTier }),
  }
}

/** Checks for a refusal that another server key may explain: a sealed one shows that this key is right. */
function isBadRequest(error: unknown): boolean {
  return error instanceof APIError && error.statusCode === 400 && error.sealedError === undefined
}
