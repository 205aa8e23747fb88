import { malformed } from '../completion/open-response.js'
import type { ChatCompletion } from '../types/response.js'
import { completionChunks, objectsOf } from './completion-chunks.js'
import { eventStream } from './event-stream.js'

/** The form of an answer. */
export interface AnswerForm {
  readonly stream: boolean
  /** Ends a stream with the tokens used. */
  readonly includeUsage: boolean
  /** Ends a stream. */
  readonly signal: AbortSignal | undefined
}

/**
 * Builds the response of OpenAI's API for a completion, with the payload id as its request id.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` for a stream of nothing
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
  // An empty stream would end without an error.
  if (objectsOf(completion.choices).length === 0) throw malformed()
  return new Response(eventStream(completionChunks(completion, form.includeUsage), form.signal), {
    headers: {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-nomyo-stream': 'synthetic',
    },
  })
}
