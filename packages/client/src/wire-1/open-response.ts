import { openJson, type PrivateKey } from '@nomyo/crypto'
import { errorFromResponse, type SealedError } from '@nomyo/transport'
import type { AppraisedAnswer } from '../attestation/answer.js'
import { loadAppraisal } from '../attestation/load-appraisal.js'
import type { ClientContext } from '../completion/call.js'
import {
  checkPayloadId,
  malformed,
  mismatch,
  sealedMetadata,
  toChatCompletion,
  toSealedError,
} from '../completion/read-completion.js'
import { emitReceipt, type SentRequest } from '../completion/receipt.js'
import { timeStep } from '../completion/step-timer.js'
import type { ChatCompletion } from '../types/response.js'
import type { ReplyGuard } from './reply-guard.js'
import type { ServerKey } from './server-key.js'

/** The parts of a client that check a response. */
export interface ResponseContext extends ClientContext {
  readonly replyGuard: ReplyGuard
  readonly serverKey: ServerKey
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
  const { result, attested } = attestation
    ? await (await loadAppraisal()).appraiseAnswer(answer, attestation)
    : NO_RESULT
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

const NO_RESULT: Partial<AppraisedAnswer> = {}

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
