import { sendJson } from '../gateway/send.js'
import {
  checkNumber,
  checkOptions,
  completionFault,
  invalidFault,
  type CompletionFault,
} from './fault.js'

/** The error of a model server, in the shape of OpenAI's API. */
export interface ModelError {
  /** Status that the model server answered with. Default 400. */
  status?: number
  message: string
  type?: string | null
  param?: string | null
  /** Such as `context_length_exceeded`. */
  code?: string | null
}

/**
 * Responds with the error of a model server as a gateway does: encrypted for the client, beside a fixed
 * text. The status outside is 400, 429, 502, 503 or 504.
 *
 * A correct client throws the class for that status, with the error as `sealedError`.
 *
 * @throws TestkitError `ERR_INVALID_FAULT` for a status that is none of an error
 */
export function modelError(error: ModelError): CompletionFault {
  const { status = 400, message, type = null, param = null, code = null } = checkOptions(error)
  if (typeof message !== 'string') throw invalidFault('message must be a string')
  checkNumber('the status', status, 400, 599)
  return completionFault('modelError', async ({ response, payloadId, seal }) => {
    const envelope = await seal({
      error: { status, message, type, param, code },
      _metadata: { payload_id: payloadId, response_status: 'error' },
    })
    const detail = 'The inference backend refused the request'
    const sealedError: unknown = JSON.parse(new TextDecoder().decode(envelope))
    sendJson(response, { detail, sealed_error: sealedError }, { status: outerStatus(status) })
  })
}

function outerStatus(status: number): number {
  if (status < 500) return status === 429 ? 429 : 400
  return status === 503 || status === 504 ? status : 502
}
