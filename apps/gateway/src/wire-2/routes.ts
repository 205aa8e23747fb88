import type { RequestHeader, WholeResponse } from '@nomyo/crypto/wire-2'
import type { AdmittedRequest } from '../completion/answer-completion.js'
import { HttpError } from '../http-error.js'
import type { ROUTES } from '../request-keys/statement.js'
import { answerChatCompletion } from './chat-completions.js'
import type { ExchangeContext } from './exchange-context.js'
import type { ResponseFacts } from './inner-response.js'

/** Request of wire 2 whose caller may use its route. */
export interface AuthorizedRequest extends AdmittedRequest {
  /** Key and suite that the client chose. */
  readonly suite: RequestHeader
  /** Returns the facts of a response that is created now. */
  readonly facts: () => ResponseFacts
  /**
   * Decrypts the rest of the request, and returns its content once the final chunk is authentic.
   *
   * @throws HttpError 400, 408, 413
   */
  readonly readContent: () => Promise<Uint8Array>
  /** Sends signs of life until the response. */
  readonly keepAlive: () => void
}

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
