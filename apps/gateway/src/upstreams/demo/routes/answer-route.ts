import { errorObject } from '../../../confidential-refusal.js'
import { JsonObject } from '../../../json/json-object.js'
import type { RouteAnswer } from '../../route.js'
import { missingRoute } from '../../server/upstream-refusal.js'
import { NOTE } from '../label.js'
import { completeText } from './completions.js'
import { embed } from './embeddings.js'
import { drawImages } from './images.js'
import { rerank } from './rerank.js'
import { respond } from './responses.js'

type Members = Readonly<Record<string, unknown>>

const ANSWERS: ReadonlyMap<string, (request: Members, now: number) => Members> = new Map([
  ['/completions', completeText],
  ['/embeddings', embed],
  ['/images/generations', drawImages],
  ['/rerank', rerank],
  ['/responses', respond],
])

/**
 * Answers a request of a route other than chat completions.
 *
 * @throws UpstreamRefusal
 */
export function answerRoute(path: string, request: Members): RouteAnswer {
  const answer = ANSWERS.get(path)
  if (answer === undefined) {
    throw missingRoute(errorObject(404, { message: `${NOTE} The engine has no such route.` }))
  }
  const object = JsonObject.from(answer(request, Math.floor(Date.now() / 1000)))
  const body = { kind: 'json', object } as const
  return { contentType: 'application/json', body, close: () => undefined }
}
