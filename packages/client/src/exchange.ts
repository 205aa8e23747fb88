import {
  SecurityError,
  openJson,
  padJson,
  publicKeyToHeader,
  sealEnvelope,
  type KeyPair,
  type Padding,
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
import type { ClientConfig, ExchangeStep } from './config.js'
import { newPayloadId } from './payload-id.js'
import type { ReplyGuard } from './reply-guard.js'
import type { SplitRequest } from './request.js'
import { checkPayloadId, toChatCompletion } from './response.js'
import type { ServerKey } from './server-key.js'
import type { ChatCompletion } from './types/chat-completion.js'

/** What an exchange needs of the client it belongs to. */
export interface ExchangeContext {
  readonly config: ClientConfig
  readonly transport: Transport
  readonly serverKey: ServerKey
  readonly replyGuard: ReplyGuard
  /** The pair answers are sealed to. */
  readonly replyKeys: () => Promise<KeyPair>
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
 *
 * @param stop - ends the attempt before its deadline does
 */
export async function exchange(
  request: SplitRequest,
  context: ExchangeContext,
  stop: AbortSignal,
): Promise<ChatCompletion> {
  const deadline = startDeadline(context.config.timeoutMs, [stop])
  const { signal } = deadline
  const step = stepTimer(context.config.onStep)
  try {
    const replyKeys = await step('reply-key', abortable(context.replyKeys(), signal))
    const serverKey = await step('server-key', context.serverKey.get(signal))
    try {
      return await attempt(request, context, { replyKeys, serverKey, signal, step })
    } catch (error) {
      if (!isBadRequest(error) || !(await context.serverKey.hasChangedFrom(serverKey, signal))) {
        throw error
      }
      const newKey = await context.serverKey.get(signal)
      return await attempt(request, context, { replyKeys, serverKey: newKey, signal, step })
    }
  } finally {
    deadline.clear()
  }
}

interface AttemptState {
  readonly replyKeys: KeyPair
  readonly serverKey: PublicKey
  readonly signal: AbortSignal
  readonly step: StepTimer
}

async function attempt(
  request: SplitRequest,
  context: ExchangeContext,
  { replyKeys, serverKey, signal, step }: AttemptState,
): Promise<ChatCompletion> {
  const payloadId = newPayloadId()
  try {
    const body = await step('seal', sealPayload(request.payload, context.config.padding, serverKey))
    const response = await step(
      'send',
      context.transport.send({
        method: 'POST',
        path: '/v1/chat/secure_completion',
        headers: headersOf(request, context.config, payloadId, replyKeys.publicKey),
        body,
        maxResponseBytes: MAX_RESPONSE_BYTES,
        signal,
      }),
    )
    if (response.status !== 200) throw errorFromResponse(response, payloadId)
    const opened = await step('open', openJson(response.body, replyKeys.privateKey))
    context.replyGuard.accept(opened.replayId)
    checkPayloadId(opened.value, payloadId)
    return toChatCompletion(opened, payloadId)
  } catch (error) {
    if (error instanceof SecurityError || error instanceof APIConnectionError) {
      error.payloadId ??= payloadId
    }
    throw error
  }
}

/** The padded copy is wiped as soon as it is sealed; the payload itself may be needed again. */
async function sealPayload(
  payload: Uint8Array,
  padding: Padding,
  serverKey: PublicKey,
): Promise<Uint8Array<ArrayBuffer>> {
  const padded = padJson(payload, padding)
  try {
    return await sealEnvelope(padded, serverKey)
  } finally {
    padded.fill(0)
  }
}

function headersOf(
  request: SplitRequest,
  config: ClientConfig,
  payloadId: string,
  replyKey: PublicKey,
): Record<string, string> {
  const apiKey = request.apiKey ?? config.apiKey
  return {
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

type StepTimer = <T>(name: ExchangeStep['name'], work: Promise<T>) => Promise<T>

function stepTimer(onStep: (step: ExchangeStep) => void): StepTimer {
  return async (name, work) => {
    const start = performance.now()
    const result = await work
    onStep({ name, durationMs: performance.now() - start })
    return result
  }
}
