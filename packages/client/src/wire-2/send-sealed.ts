import { platform } from '#platform'
import { SecurityError } from '@nomyo/crypto'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import type { TransportResponse } from '@nomyo/transport'
import { credentials, type Call } from '../completion/call.js'
import type { Identified } from '../completion/seal-request.js'
import { outerHeaders } from './headers.js'
import { maxChunkOf } from './limits.js'
import { openAnswer, type OpenAnswer } from './read-answer.js'
import type { SealedRoute } from './seal-route.js'
import type { Wire2Choice } from './selection.js'

/** The answer that the gateway encrypted, or the refusal of any party on the path. */
export type Answer = OpenAnswer | (TransportResponse & { readonly isSealed: false })

/** Limits of an answer. */
export interface AnswerLimits {
  /** Most encrypted bytes. */
  readonly maxBytes: number
  /** Called after every authentic chunk. */
  readonly onChunk?: () => void
}

/**
 * Sends an encrypted request, and decrypts the answer as it arrives: returns when its head is authentic.
 *
 * @throws APIConnectionError `ERR_TRUNCATED` for an answer that was cut off before its end
 * @throws SecurityError for an answer that is not authentic or too large
 */
export async function sendSealed(
  sealed: SealedRoute,
  { statement }: Wire2Choice,
  call: Call<Identified>,
  { maxBytes, onChunk }: AnswerLimits,
): Promise<Answer> {
  const { context, signal } = call
  const { relay, transport, config } = context
  const headers = outerHeaders(credentials(call).headers)
  const response = await (relay ?? transport).stream({
    method: 'POST',
    path: config.relayUrl?.pathname.replace(/^\/$/, GATEWAY_PATH) ?? GATEWAY_PATH,
    headers: {
      // They are for the gateway, and could tell a relay who asks.
      ...(!relay && headers),
      ...platform.outerHeaders,
      'content-type': MEDIA_TYPES.request,
      accept: MEDIA_TYPES.answer,
    },
    ...('body' in sealed ? { body: sealed.body } : { upload: sealed.upload }),
    maxResponseBytes: maxBytes,
    signal,
  })
  if (response.status !== 200) return { ...(await response.whole()), isSealed: false }
  if (response.header('content-type') !== MEDIA_TYPES.answer) {
    response.cancel()
    throw notSealed()
  }
  const opener = sealed.openAnswer({ maxChunk: maxChunkOf(statement), maxBytes })
  return openAnswer(response, opener, onChunk)
}

const notSealed = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_INVALID', 'The answer is not encrypted and was not used.')
