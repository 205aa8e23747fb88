import { errorObject } from '../../../confidential-refusal.js'
import { JsonObject } from '../../../json/json-object.js'
import type { RouteAnswer, RouteRequest } from '../../route.js'
import { missingRoute } from '../../server/upstream-refusal.js'
import type { SseEvent } from '../../server/sse/read-events.js'
import { NOTE } from '../label.js'
import { completeText } from './completions.js'
import { embed } from './embeddings.js'
import { drawImages } from './images.js'
import { rerank } from './rerank.js'
import { respond } from './responses.js'
import { speak } from './speech.js'
import { streamResponse, streamText, type Pace } from './streams.js'

type Members = Readonly<Record<string, unknown>>

const ANSWERS: ReadonlyMap<string, (request: Members, now: number) => Members> = new Map([
  ['/completions', completeText],
  ['/embeddings', embed],
  ['/images/generations', drawImages],
  ['/rerank', rerank],
  ['/responses', respond],
])

const STREAMS: ReadonlyMap<string, (answer: Members, pace: Pace) => AsyncIterable<SseEvent>> =
  new Map([
    ['/completions', streamText],
    ['/responses', streamResponse],
  ])

/**
 * Answers a request of a route other than chat completions, whose content is JSON.
 *
 * @throws UpstreamRefusal
 */
export function answerRoute(
  { path, streamed }: RouteRequest,
  bytes: Uint8Array,
  pace: Pace,
): RouteAnswer {
  if (path === '/audio/speech') return speak()
  const answer = ANSWERS.get(path)
  if (answer === undefined) {
    throw missingRoute(errorObject(404, { message: `${NOTE} The engine has no such route.` }))
  }
  const request = JSON.parse(new TextDecoder().decode(bytes)) as Members
  const value = answer(request, Math.floor(Date.now() / 1000))
  const close = (): void => undefined
  const events = streamed ? STREAMS.get(path)?.(value, pace) : undefined
  return events === undefined
    ? {
        ...{ contentType: 'application/json', close },
        body: { kind: 'json', object: JsonObject.from(value) },
      }
    : { contentType: 'text/event-stream', body: { kind: 'events', events }, close }
}
