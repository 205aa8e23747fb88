import { textCompletion, type Answer } from './answer.js'
import type { Opened } from './open-request.js'
import { Refusal } from './refusal.js'

/**
 * Asks for the completion of a request and adds the `_metadata` of a gateway: inside the seal, so that
 * clients can tell what was answered.
 *
 * @throws Refusal 501 when what was given is no completion
 */
export async function makeCompletion(
  answer: Answer,
  { request, payloadId, securityTier }: Opened,
): Promise<Record<string, unknown>> {
  const given: unknown = await answer(request, { payloadId, securityTier })
  const completion = typeof given === 'string' ? textCompletion(request, given) : given
  if (typeof completion !== 'object' || completion === null || Array.isArray(completion)) {
    throw new Refusal(501, 'testkit: answer gave neither a completion nor a text')
  }
  const metadata: unknown = '_metadata' in completion ? completion._metadata : undefined
  return {
    ...completion,
    _metadata: {
      ...(metadata as object | undefined),
      payload_id: payloadId,
      response_status: 'success',
      security_tier: securityTier ?? 'standard',
    },
  }
}
