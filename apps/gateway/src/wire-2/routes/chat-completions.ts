import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { CHAT_ROUTE } from '../../access/policy/route-members.js'
import { completeChat } from '../../completion/answer-completion.js'
import { readChatRequest, type ChatRequest } from '../../completion/chat-request.js'
import type { OpenedCompletion } from '../../completion/service-context.js'
import { isRecord } from '../../json/json-object.js'
import type { RouteRequest } from '../../upstreams/route.js'
import type { ExchangeContext } from '../exchange-context.js'
import { jsonResponse } from '../answer/inner-response.js'
import { wireMetadata } from '../answer/wire-metadata.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { forwardRequest } from './forward-request.js'
import { withContent } from './with-content.js'

/** Answers `POST /v1/chat/completions`, as a whole or as a stream. */
export function answerChatCompletion(
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse> | undefined> {
  return withContent(request, async (plaintext) => {
    const { turns } = context
    const decrypted = await readChatRequest(plaintext, { limits: context.jsonLimits(), turns })
    if (decrypted.member('stream') !== true) {
      const metadata = wireMetadata(request, context)
      return answerWhole(decrypted, { ...request, plaintext, metadata }, context)
    }
    const given = decrypted.member('stream_options')
    const options = isRecord(given) ? given : {}
    return forwardRequest(
      {
        ...{ decrypted, members: CHAT_ROUTE, plaintextBytes: plaintext.length },
        streamed: true,
        includesUsage: options['include_usage'] === true,
        toRoute: (changes) => streamRequest(decrypted, { ...changes, stream_options: options }),
      },
      request,
      context,
    )
  })
}

async function answerWhole(
  decrypted: ChatRequest,
  request: AuthorizedRequest & OpenedCompletion,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { admission, plaintext, facts } = request
  const answer = await completeChat(decrypted, request, context)
  try {
    admission.account({ plaintext: plaintext.length, answer: answer.byteLength })
    return jsonResponse(200, answer.copy(), facts())
  } finally {
    answer.dispose()
  }
}

const streamRequest = (
  decrypted: ChatRequest,
  { stream_options, ...changes }: Readonly<Record<string, unknown>> & { stream_options: object },
): RouteRequest => ({
  ...{ path: '/chat/completions', model: decrypted.model, streamed: true },
  accept: 'text/event-stream',
  // A server that does not stream answers as a whole, and so does one with an error.
  answers: ['events', 'json'],
  body: ({ cacheSalt }) => {
    const body = decrypted.rewrite({
      ...changes,
      stream: true,
      // The tokens are counted, whatever the caller asks for.
      stream_options: { ...stream_options, include_usage: true },
      // Members of the protocol between client and gateway.
      api_key: undefined,
      security_tier: undefined,
      // A salt that a caller chooses would reach the cache of others.
      cache_salt: cacheSalt,
    })
    const { byteLength } = body
    return { contentType: 'application/json', byteLength, toBody: () => body.toBody() }
  },
})
