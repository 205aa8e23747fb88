import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
import type { RouteName } from '../../request-keys/statement.js'
import type { ExchangeContext } from '../exchange-context.js'
import type { ContentKind } from '../request/request-fields.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { answerChatCompletion } from './chat-completions.js'
import { TRANSCRIPTIONS, TRANSLATIONS, forwardForm } from './forward-form.js'
import { forwardJson } from './forward-json.js'
import { COMPLETIONS, EMBEDDINGS, IMAGES, RERANK, RESPONSES, SPEECH } from './json-routes.js'
import { answerModel, answerModels, MODEL_PREFIX } from './models.js'

/** Returns the response; undefined where it was streamed. */
type AnswerRequest = (
  request: AuthorizedRequest,
  context: ExchangeContext,
) => Promise<Required<WholeResponse> | undefined>

/** A route and its answers. */
export interface Route {
  /** Method and path, as statements list them. */
  readonly name: RouteName
  readonly accepts: ContentKind
  readonly answer: AnswerRequest
}

const json = (answer: AnswerRequest) => ({ accepts: 'json', answer }) as const
const form = (answer: AnswerRequest) => ({ accepts: 'form', answer }) as const

/** The requests that are answered, by method and path as they are written: nothing is decoded. */
const ANSWERS: Readonly<Record<RouteName, Omit<Route, 'name'>>> = {
  'POST /v1/chat/completions': json(answerChatCompletion),
  'POST /v1/completions': json(forwardJson(COMPLETIONS)),
  'POST /v1/embeddings': json(forwardJson(EMBEDDINGS)),
  'POST /v1/responses': json(forwardJson(RESPONSES)),
  'POST /v1/rerank': json(forwardJson(RERANK)),
  'POST /v1/images/generations': json(forwardJson(IMAGES)),
  'POST /v1/audio/speech': json(forwardJson(SPEECH)),
  'POST /v1/audio/transcriptions': form(forwardForm(TRANSCRIPTIONS)),
  'POST /v1/audio/translations': form(forwardForm(TRANSLATIONS)),
  'GET /v1/models': json(answerModels),
  'GET /v1/models/{id}': json(answerModel),
}

const ROUTES = new Map<string, Route>(
  Object.entries(ANSWERS).map(([name, route]) => [name, { name: name as RouteName, ...route }]),
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
