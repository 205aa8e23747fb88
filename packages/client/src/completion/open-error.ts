import { openJson } from '@nomyo/crypto'
import {
  errorFromResponse,
  type APIError,
  type SealedError,
  type TransportResponse,
} from '@nomyo/transport'
import { parseObject } from '../gateway-api/get.js'
import { readSealedError, type ResponseContext, type SealedResponse } from './open-response.js'

/**
 * Builds the error for a refusal, with the error that the gateway encrypted in it. One that cannot be
 * verified counts as missing: an attacker that forges it could remove it as well, and an error in its
 * place would hide the status. Plaintext never becomes a {@link SealedError}.
 */
export async function openError(
  response: TransportResponse,
  { payloadId, replyKey }: Omit<SealedResponse, 'body'>,
  { replyGuard }: ResponseContext,
): Promise<APIError> {
  const envelope = parseObject(response.body)?.['sealed_error']
  let sealedError: SealedError | undefined
  if (envelope !== undefined) {
    try {
      const bytes = new TextEncoder().encode(JSON.stringify(envelope))
      const { value, replayId } = await openJson(bytes, replyKey)
      replyGuard.accept(replayId)
      sealedError = readSealedError(value, payloadId)
    } catch {
      // Also an envelope that is nested too deep to be encoded.
    }
  }
  return errorFromResponse(response, payloadId, sealedError)
}
