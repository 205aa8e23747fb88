import { decodeJson } from '@nomyo/crypto'
import type { Call } from '../completion/call.js'
import {
  checkChoices,
  checkPayloadId,
  sealedMetadata,
  toChatCompletion,
} from '../completion/read-completion.js'
import { emitReceipt } from '../completion/receipt.js'
import { loadAppraisal } from '../attestation/load-appraisal.js'
import type { ChatCompletion } from '../types/response.js'
import type { UsedExchange } from './attempt-sealed.js'
import type { SealedAnswer } from './read-answer.js'
import type { WireSelection } from './selection.js'

const ALGORITHM = 'OHTTP MLKEM768-X25519 HKDF-SHA256 AES-256-GCM'

/**
 * Checks a decrypted answer: a completion, from a machine that the policy accepts. Then emits its receipt.
 * It needs no memory of answers: none but that of this exchange could be decrypted.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`, `ERR_REPLY_MISMATCH`
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 */
export async function acceptAnswer(
  answer: SealedAnswer,
  { choice, enc }: UsedExchange,
  { request, context, settings, signal }: Call,
  selection: WireSelection,
): Promise<ChatCompletion> {
  const { config, attestation } = context
  const payloadId = settings.progress.id
  const value = await decode(answer.body)
  checkPayloadId(value, payloadId)
  const evidence = sealedMetadata(value)['tpm_attestation']
  const appraised =
    attestation &&
    (await (
      await loadAppraisal()
    ).appraiseAnswer({ payloadId, evidence, allowedBy: choice.attested }, attestation))
  await selection.accept(choice, signal)
  const { statement, document } = choice
  const opened = { value, algorithm: ALGORITHM, processedAt: secondsOf(answer.header('date')) }
  const result = appraised?.result
  await emitReceipt(
    { payloadId, opened, evidence, result },
    {
      payload: request.payload,
      serverKey: choice.identity,
      keyEvidence: undefined,
      wire: { document, enc, evidence: choice.attested?.statementEvidence },
    },
    config,
  )
  const completion = toChatCompletion(opened, payloadId, result, {
    wire: { version: 2, statement_sha256: statement.sha256 },
  })
  checkChoices(completion)
  return completion
}

async function decode(body: Uint8Array): Promise<Record<string, unknown>> {
  try {
    return await decodeJson(body)
  } finally {
    body.fill(0)
  }
}

function secondsOf(date: string | undefined): number | null {
  const ms = Date.parse(date ?? '')
  return Number.isNaN(ms) ? null : Math.floor(ms / 1000)
}
