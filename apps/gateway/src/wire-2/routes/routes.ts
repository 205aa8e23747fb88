import type { WholeResponse } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
import type { ROUTES } from '../../request-keys/statement.js'
import type { AuthorizedRequest } from './authorized-request.js'
import { answerChatCompletion } from './chat-completions.js'
import type { ExchangeContext } from '../exchange-context.js'

/** Answers the requests of a route. */
type AnswerRequest = (
  request: AuthorizedRequest,
  context: ExchangeContext,
) => Promise<Required<WholeResponse>>

/** The requests that are answered, by method and path as they are written: nothing is decoded. */
const HANDLERS: Readonly<Record<(typeof ROUTES)[number], AnswerRequest>> = {
  'POST /v1/chat/completions': answerChatCompletion,
}

/**
 * Finds the route of a request.
 *
 * @throws HttpError 404
 */
export function findRoute({ method, path }: { method: string; path: string }): AnswerRequest {
  const route = Object.entries(HANDLERS).find(([name]) => name === `${method} ${path}`)
  if (route !== undefined) return route[1]
  throw new HttpError(404, 'This gateway has no such route')
}
