import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
import type { RouteName } from '../../request-keys/statement.js'
import type { ExchangeContext } from '../exchange-context.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { answerChatCompletion } from './chat-completions.js'
import { forwardJson } from './forward-json.js'
import { COMPLETIONS, EMBEDDINGS, IMAGES, RERANK, RESPONSES } from './json-routes.js'
import { answerModel, answerModels, MODEL_PREFIX } from './models.js'

/** A route and its answers. */
export interface Route {
  /** Method and path, as statements list them. */
  readonly name: RouteName
  /** Returns the response; undefined where it was streamed. */
  readonly answer: (
    request: AuthorizedRequest,
    context: ExchangeContext,
  ) => Promise<Required<WholeResponse> | undefined>
}

/** The requests that are answered, by method and path as they are written: nothing is decoded. */
const ANSWERS: Readonly<Record<RouteName, Route['answer']>> = {
  'POST /v1/chat/completions': answerChatCompletion,
  'POST /v1/completions': forwardJson(COMPLETIONS),
  'POST /v1/embeddings': forwardJson(EMBEDDINGS),
  'POST /v1/responses': forwardJson(RESPONSES),
  'POST /v1/rerank': forwardJson(RERANK),
  'POST /v1/images/generations': forwardJson(IMAGES),
  'GET /v1/models': answerModels,
  'GET /v1/models/{id}': answerModel,
}

const ROUTES = new Map<string, Route>(
  Object.entries(ANSWERS).map(([name, answer]) => [name, { name: name as RouteName, answer }]),
)

/**
 * Finds the route of a request.
 *
 * @throws HttpError 404
 */
export function findRoute({ method, path }: { method: string; path: string }): Route {
  const isModel = path.length > MODEL_PREFIX.length && path.startsWith(MODEL_PREFIX)
  const route = ROUTES.get(`${method} ${isModel ? `${MODEL_PREFIX}{id}` : path}`)
  if (route !== undefined) return route
  throw new HttpError(404, 'This gateway has no such route')
}
