import type { ChatCompletion } from '../types/response.js'
import { completionChunks } from './completion-chunks.js'
import { eventStream, type StreamLimits } from './event-stream.js'

/** The form of an answer. */
export interface AnswerForm extends StreamLimits {
  readonly stream: boolean
  /** Ends a stream with the tokens used. */
  readonly includeUsage: boolean
}

/**
 * Builds the response of OpenAI's API for a completion, with the payload id as its request id.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` for an answer that cannot be split
 */
export function completionResponse(completion: ChatCompletion, form: AnswerForm): Response {
  const headers = {
    'cache-control': 'no-store',
    'x-request-id': completion._metadata.payload_id,
  }
  if (!form.stream) {
    return new Response(JSON.stringify(completion), {
      headers: { ...headers, 'content-type': 'application/json' },
    })
  }
  const chunks = completionChunks(completion, form.includeUsage)
  return new Response(eventStream(chunks, form), {
    headers: {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-nomyo-stream': 'synthetic',
    },
  })
}
