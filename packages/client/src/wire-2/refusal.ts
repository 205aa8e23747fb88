import { errorFromResponse, type APIError, type TransportResponse } from '@nomyo/transport'
import { toSealedError } from '../completion/read-completion.js'
import type { ClientConfig } from '../config/options.js'
import { parseObject } from '../config/parse-object.js'
import type { SealedAnswer } from './read-answer.js'

/** The gateway's refusal, or that of any party on the path: `error.authenticated` tells. */
export interface Refusal {
  readonly error: APIError
  /** The field `date` of the gateway; undefined where it is not authenticated. */
  readonly date: string | undefined
}

/** Builds the error of an answer that is no success. */
export function refusalOf(
  answer: SealedAnswer | (TransportResponse & { readonly isSealed: false }),
  payloadId: string,
  { relayUrl }: Pick<ClientConfig, 'relayUrl'>,
): Refusal {
  if (!answer.isSealed) {
    const error = errorFromResponse(answer, payloadId)
    if (relayUrl) error.message += ` (through the relay ${relayUrl.origin})`
    return { error, date: undefined }
  }
  const sealedError = toSealedError(parseObject(answer.body)?.['error'])
  return {
    error: errorFromResponse(answer, payloadId, sealedError, { authenticated: true }),
    date: answer.header('date'),
  }
}
