import { checkChoices, malformed } from '../completion/read-completion.js'
import { parseObject } from '../config/parse-object.js'
import { completionResponse, type AnswerForm } from '../openai-fetch/completion-response.js'
import type { ChatCompletion } from '../types/response.js'

/**
 * Splits a completion that arrives whole, from a gateway that does not stream, into the stream that the request
 * asks for. Every other response is returned as it is: read as a stream, a completion would seem empty.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` for an answer that is no completion
 */
export async function streamWhole(response: Response, form: AnswerForm): Promise<Response> {
  const { headers } = response
  if (headers.get('content-type')?.startsWith('application/json') !== true) return response
  const completion = parseObject(await response.text())
  if (completion === undefined) throw malformed()
  checkChoices(completion)
  const _metadata = { payload_id: headers.get('x-request-id') ?? '' }
  return completionResponse({ ...completion, _metadata } as unknown as ChatCompletion, form)
}
