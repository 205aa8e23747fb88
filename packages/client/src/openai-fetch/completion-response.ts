import type { ChatCompletion } from '../types/index.js'
import { completionChunks } from './completion-chunks.js'
import { eventStream } from './event-stream.js'

/** The form an answer is to have. */
export interface AnswerForm {
  readonly stream: boolean
  /** Whether a stream ends with the tokens used. */
  readonly includeUsage: boolean
  /** Ends a stream. */
  readonly signal: AbortSignal | undefined
}

/** An opened answer as OpenAI's API gives it. Its request id is the id of the sealed request. */
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
  return new Response(eventStream(completionChunks(completion, form.includeUsage), form.signal), {
    headers: {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'x-nomyo-stream': 'synthetic',
    },
  })
}
