import type { HttpError } from '../../../http-error.js'
import {
  ConfidentialRefusal,
  errorObject,
  type ErrorObject,
} from '../../../confidential-refusal.js'
import type { SseEvent } from '../../../upstreams/server/sse/read-events.js'

/** Shape of an error in a stream: that of chat completions, or that of the Responses API. */
export type ErrorShape = 'chat' | 'responses'

/** Encodes an event (HTML Standard, section 9.2). Neither name nor data contain a carriage return. */
export function encodeEvent({ event, data }: SseEvent): Uint8Array {
  const name = event === undefined ? '' : `event: ${event}\n`
  const lines = data.includes('\n') ? data.replaceAll('\n', '\ndata: ') : data
  return Buffer.from(`${name}data: ${lines}\n\n`)
}

/** Creates the event of a failure, which is the last one of its stream. */
export function errorEvent(refusal: HttpError, shape: ErrorShape): SseEvent {
  const error = errorOf(refusal)
  if (shape === 'chat') return { data: JSON.stringify({ error }) }
  const { code, message, param } = error
  return {
    event: 'error',
    data: JSON.stringify({ type: 'error', code, message, param, error }),
  }
}

function errorOf(refusal: HttpError): ErrorObject {
  if (refusal instanceof ConfidentialRefusal) return refusal.inner
  const { statusCode, message, code } = refusal
  return errorObject(statusCode, { message, type: 'server_error', code })
}
