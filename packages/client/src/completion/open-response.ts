import type { AttestationResult } from '@nomyo/attest'
import { SecurityError, openJson, type OpenedJson, type PrivateKey } from '@nomyo/crypto'
import { errorFromResponse, type SealedError } from '@nomyo/transport'
import { appraiseAnswer, type AppraisedAnswer } from '../attestation/answer.js'
import type { KeyAttestation } from '../attestation/key-attestation.js'
import { isObject } from '../config/checks.js'
import type { ClientConfig } from '../config/options.js'
import type { ServerKey } from '../keys/server-key.js'
import type { ChatCompletion, ResponseMetadata } from '../types/response.js'
import { emitReceipt, type SentRequest } from './receipt.js'
import type { ReplyGuard } from './reply-guard.js'
import { timeStep } from './step-timer.js'
import type { Wires } from './wires.js'

/** The parts of a client that check a response. */
export interface ResponseContext {
  readonly config: ClientConfig
  readonly replyGuard: ReplyGuard
  readonly serverKey: ServerKey
  readonly wires: Wires
  /** Undefined where no policy is configured. */
  readonly attestation: KeyAttestation | undefined
}

/** A response as received, and the key and id of its request. */
export interface SealedResponse {
  readonly body: Uint8Array
  readonly payloadId: string
  readonly replyKey: PrivateKey
}

/**
 * Decrypts a response and checks it: not received before, for this request, from a machine that the
 * policy accepts. Then emits its receipt. Nothing of the answer is returned before all that.
 *
 * @param sent - undefined where it is not known: no receipt is emitted then
 * @throws SecurityError for a response that cannot be decrypted, repeats one, or answers another request
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 * @throws APIError for an encrypted error in place of an answer
 */
export async function openResponse(
  { body, payloadId, replyKey }: SealedResponse,
  sent: SentRequest | undefined,
  { config, replyGuard, attestation, serverKey, wires }: ResponseContext,
): Promise<ChatCompletion> {
  const opened = await timeStep('open', openJson(body, replyKey), config)
  replyGuard.accept(opened.replayId)
  checkPayloadId(opened.value, payloadId)
  wires.refuseDowngrade(sealedMetadata(opened.value)['wire'])
  const error = readSealedError(opened.value, payloadId)
  if (error !== undefined) {
    throw errorFromResponse({ ...NO_BODY, status: error.status }, payloadId, error)
  }
  const evidence = sealedMetadata(opened.value)['tpm_attestation']
  const answer = { payloadId, evidence, allowedBy: sent?.attested }
  const { result, attested } = attestation ? await appraiseAnswer(answer, attestation) : NO_RESULT
  await serverKey.accept(sent?.serverKey)
  if (sent !== undefined) {
    const { payload, serverKey: key } = sent
    await emitReceipt(
      { payloadId, evidence, opened, result },
      { payload, serverKey: key.fingerprint, keyEvidence: attested?.keyEvidence },
      config,
    )
  }
  return toChatCompletion(opened, payloadId, result)
}

/**
 * Checks that a decrypted answer does not name another request. Servers of the reference kind name
 * none; their answers pass.
 *
 * @throws SecurityError `ERR_REPLY_MISMATCH`, `ERR_PLAINTEXT_INVALID`
 */
export function checkPayloadId(answer: Record<string, unknown>, payloadId: string): void {
  const answered = sealedMetadata(answer)['payload_id'] ?? payloadId
  if (answered !== payloadId) throw mismatch()
}

const mismatch = (): SecurityError =>
  new SecurityError('ERR_REPLY_MISMATCH', 'The answer is for another request and was not used.')

const NO_RESULT: Partial<AppraisedAnswer> = {}

/** Longer texts of an error are cut: it is copied into logs and messages. */
const MAX_ERROR_CHARACTERS = 8192

/** Stands for the HTTP response of an error that arrives as an answer. */
const NO_BODY = { header: () => undefined, body: new Uint8Array() }

/**
 * Reads the error that a decrypted answer says it is; undefined for a completion. Unlike an answer, it
 * must name its request.
 *
 * @throws SecurityError `ERR_REPLY_MISMATCH`, `ERR_PLAINTEXT_INVALID`
 */
export function readSealedError(
  answer: Record<string, unknown>,
  payloadId: string,
): SealedError | undefined {
  const metadata = sealedMetadata(answer)
  if (metadata['response_status'] !== 'error') return undefined
  if (metadata['payload_id'] !== payloadId) throw mismatch()
  const error = toSealedError(answer['error'])
  if (error === undefined) throw malformed()
  return error
}

/** Reads the error that was encrypted; undefined for anything else. */
export function toSealedError(error: unknown): SealedError | undefined {
  if (!isObject(error)) return undefined
  const text = (name: string): string | null => {
    const value = error[name]
    return typeof value === 'string' ? value.slice(0, MAX_ERROR_CHARACTERS) : null
  }
  const status = Number(error['status'])
  const message = text('message')
  if (message === null || !/^[45]\d\d$/.test(String(status))) return undefined
  return { status, message, type: text('type'), param: text('param'), code: text('code') }
}

/**
 * Builds the completion with its `_metadata`: what the server encrypted, overridden by what this client
 * knows itself.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`
 */
export function toChatCompletion(
  opened: Pick<OpenedJson, 'value' | 'processedAt' | 'algorithm'>,
  payloadId: string,
  attestation?: AttestationResult,
  facts: Pick<ResponseMetadata, 'wire'> = {},
): ChatCompletion {
  // A result is never the server's own.
  const { attestation: _theirs, ...sealed } = sealedMetadata(opened.value)
  const answer = {
    ...opened.value,
    _metadata: {
      ...sealed,
      payload_id: payloadId,
      processed_at: opened.processedAt,
      is_encrypted: true,
      encryption_algorithm: opened.algorithm,
      ...facts,
      ...(attestation === undefined ? {} : { attestation }),
    },
  }
  // Other members are not checked, as in every OpenAI client.
  return answer as unknown as ChatCompletion
}

/**
 * Checks the members that every reader of a completion relies on: a list of choices, each with a message.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`
 */
export function checkChoices({ choices }: { readonly choices?: unknown }): void {
  const hasMessage = (choice: unknown): boolean => isObject(choice) && isObject(choice['message'])
  if (!Array.isArray(choices) || !choices.every(hasMessage)) throw malformed()
}

/** Returns the metadata as the server encrypted it. */
export function sealedMetadata(answer: Record<string, unknown>): Record<string, unknown> {
  const metadata = Object.hasOwn(answer, '_metadata') ? answer['_metadata'] : {}
  if (isObject(metadata)) return metadata
  throw malformed()
}

/** Creates the error for an answer that decrypts, and is no chat completion. */
export const malformed = (): SecurityError =>
  new SecurityError('ERR_PLAINTEXT_INVALID', 'The answer is no chat completion and was not used.')
