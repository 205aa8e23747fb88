import { textCompletion, type Answer } from '../answer.js'
import type { DecryptedRequest } from './decrypt-request.js'
import { Refusal } from '../errors.js'

/**
 * Gets the completion of a request and adds the `_metadata` of a gateway, encrypted with it, so that
 * clients can identify the request.
 *
 * @param additions - further members of the metadata
 * @throws Refusal 501 for an answer that is not a completion
 */
export async function complete(
  answer: Answer,
  {
    request,
    payloadId,
    securityTier,
  }: Pick<DecryptedRequest, 'request' | 'payloadId' | 'securityTier'>,
  additions: object = {},
): Promise<Record<string, unknown>> {
  const given: unknown = await answer(request, { payloadId, securityTier })
  const completion = typeof given === 'string' ? textCompletion(request, given) : given
  if (typeof completion !== 'object' || completion === null || Array.isArray(completion)) {
    throw new Refusal(501, 'testkit: answer returned neither a completion nor a text')
  }
  const metadata: unknown = '_metadata' in completion ? completion._metadata : undefined
  return {
    ...completion,
    _metadata: {
      ...(metadata as object | undefined),
      payload_id: payloadId,
      response_status: 'success',
      security_tier: securityTier ?? 'standard',
      ...additions,
    },
  }
}
