import type { AttestationResult } from '@nomyo/attest'
import { SecurityError, type OpenedJson } from '@nomyo/crypto'
import type { ChatCompletion } from '../types/index.js'

/**
 * Refuses an opened answer that says it answers another request. Servers of the reference kind do
 * not say; those answers pass.
 *
 * @throws SecurityError `ERR_REPLY_MISMATCH`, `ERR_PLAINTEXT_INVALID`
 */
export function checkPayloadId(answer: Record<string, unknown>, payloadId: string): void {
  const answered = sealedMetadata(answer)['payload_id']
  if (answered === undefined || answered === null || answered === payloadId) return
  throw new SecurityError(
    'ERR_REPLY_MISMATCH',
    'The answer was sealed by the server for another request, and was not used.',
  )
}

/**
 * The answer with `_metadata` as clients give it: what the server sealed, overridden by what this
 * side knows itself.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`
 */
export function toChatCompletion(
  opened: OpenedJson,
  payloadId: string,
  attestation?: AttestationResult,
): ChatCompletion {
  // A verdict is never the server's own.
  const { attestation: _theirs, ...sealed } = sealedMetadata(opened.value)
  const answer = {
    ...opened.value,
    _metadata: {
      ...sealed,
      payload_id: payloadId,
      processed_at: opened.processedAt,
      is_encrypted: true,
      encryption_algorithm: opened.algorithm,
      ...(attestation === undefined ? {} : { attestation }),
    },
  }
  // What a model server put into its answer is its own business, as with every OpenAI client.
  return answer as unknown as ChatCompletion
}

/** The metadata as the server sealed it. */
export function sealedMetadata(answer: Record<string, unknown>): Record<string, unknown> {
  const metadata = Object.hasOwn(answer, '_metadata') ? answer['_metadata'] : {}
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) {
    return metadata as Record<string, unknown>
  }
  throw new SecurityError('ERR_PLAINTEXT_INVALID', 'The _metadata of the answer is not an object.')
}
