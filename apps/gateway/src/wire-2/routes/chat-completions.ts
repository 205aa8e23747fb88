import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { completeChat } from '../../completion/answer-completion.js'
import { readChatRequest, type ChatRequest } from '../../completion/chat-request.js'
import type { OpenedCompletion } from '../../completion/service-context.js'
import { startChatStream } from '../../completion/stream/start-chat-stream.js'
import { StreamMeter } from '../../completion/stream/stream-meter.js'
import { HttpError } from '../../http-error.js'
import type { ExchangeContext } from '../exchange-context.js'
import { jsonResponse } from '../answer/inner-response.js'
import { wireMetadata } from '../answer/wire-metadata.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { withContent } from './with-content.js'

/** Answers `POST /v1/chat/completions`, as a whole or as a stream. */
export function answerChatCompletion(
  request: AuthorizedRequest,
  context: ExchangeContext,
): Promise<Required<WholeResponse> | undefined> {
  return withContent(request, async (plaintext) => {
    const opened = { ...request, plaintext, metadata: wireMetadata(request, context) }
    const { turns } = context
    const chatRequest = await readChatRequest(plaintext, { limits: context.jsonLimits(), turns })
    if (chatRequest.member('stream') !== true) return answerWhole(chatRequest, opened, context)
    await streamChat(chatRequest, opened, context)
    return undefined
  })
}

/** Chat request of wire 2 that is read. */
type OpenedChat = AuthorizedRequest & OpenedCompletion

async function answerWhole(
  chatRequest: ChatRequest,
  request: OpenedChat,
  context: ExchangeContext,
): Promise<Required<WholeResponse>> {
  const { admission, plaintext, facts } = request
  const answer = await completeChat(chatRequest, request, context)
  try {
    admission.account({ plaintext: plaintext.length, answer: answer.byteLength })
    return jsonResponse(200, answer.copy(), facts())
  } finally {
    answer.dispose()
  }
}

/** Memory of a stream: buffers of both connections, and the events that are gathered. */
const STREAM_BYTES = 64 * 1024

async function streamChat(
  chatRequest: ChatRequest,
  request: OpenedChat,
  context: ExchangeContext,
): Promise<void> {
  const { observation, plaintext } = request
  request.keepAlive(true)
  await observation.time('upstream', async () => {
    const started = await startChatStream(chatRequest, request, context)
    const { answer, metadata, includesUsage } = started
    const meter = new StreamMeter({ includesUsage, metadata })
    try {
      if (answer.body.kind !== 'events') throw new HttpError(502, 'The inference backend failed')
      request.admission.account({ plaintext: plaintext.length, envelope: STREAM_BYTES })
      const { events } = answer.body
      await request.stream('text/event-stream; charset=utf-8', { events, meter, errors: 'chat' })
    } finally {
      answer.close()
      observation.usage = meter.usage
      observation.responseModel = meter.model
    }
  })
}
