import { APIError, errorFromResponse, type TransportResponse } from '@nomyo/transport'
import { parseObject } from '../config/parse-object.js'
import { openResponse, type ResponseContext, type SealedResponse } from './open-response.js'

/**
 * Builds the error for a refusal, with the error that the gateway encrypted in it. One that cannot be
 * verified counts as missing: an attacker that forges it could remove it as well, and an error in its
 * place would hide the status. Plaintext never becomes a `SealedError`.
 */
export async function openError(
  response: TransportResponse,
  sealed: SealedResponse,
  context: ResponseContext,
): Promise<APIError> {
  const envelope = parseObject(response.body)?.['sealed_error']
  let sealedError: APIError['sealedError']
  if (envelope !== undefined) {
    try {
      const body = new TextEncoder().encode(JSON.stringify(envelope))
      await openResponse({ ...sealed, body }, undefined, context)
    } catch (error) {
      // Any other error is that of an envelope which cannot be verified.
      if (error instanceof APIError) ({ sealedError } = error)
    }
  }
  return errorFromResponse(response, sealed.payloadId, sealedError)
}
