import type { RouteAnswer, RouteAnswerBody } from '../route.js'
import { UpstreamError } from '../server/upstream-error.js'

/** Reports the failure of an answer that comes in parts, which no other model server can make good. */
export const watchAnswer = (
  answer: RouteAnswer,
  onFailure: (error: UpstreamError) => void,
): RouteAnswer => ({ ...answer, body: watchBody(answer.body, onFailure) })

function watchBody(
  body: RouteAnswerBody,
  onFailure: (error: UpstreamError) => void,
): RouteAnswerBody {
  if (body.kind === 'events') return { ...body, events: watch(body.events, onFailure) }
  return body.kind === 'stream' ? { ...body, parts: watch(body.parts, onFailure) } : body
}

async function* watch<Part>(
  parts: AsyncIterable<Part>,
  onFailure: (error: UpstreamError) => void,
): AsyncGenerator<Part, void, undefined> {
  try {
    yield* parts
  } catch (error) {
    if (error instanceof UpstreamError) onFailure(error)
    throw error
  }
}
