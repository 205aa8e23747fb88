import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { answerCompletion } from '../../completion/answer-completion.js'
import type { ExchangeContext } from '../exchange-context.js'
import { jsonResponse } from '../answer/inner-response.js'
import { wireMetadata } from '../answer/wire-metadata.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { withContent } from './with-content.js'

/** Answers `POST /v1/chat/completions` as a whole. */
export function answerChatCompletion(
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { admission, facts } = request
  return withContent(request, async (plaintext) => {
    const metadata = wireMetadata(request, context)
    const answer = await answerCompletion({ ...request, plaintext, metadata }, context)
    try {
      admission.account({ plaintext: plaintext.length, answer: answer.byteLength })
      return jsonResponse(200, answer.copy(), facts())
    } finally {
      answer.dispose()
    }
  })
}
