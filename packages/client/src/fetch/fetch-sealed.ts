import { InvalidRequestError } from '@nomyo/transport'
import { splitRequest } from '../completion/seal-request.js'
import { isObject } from '../config/checks.js'
import { completionResponse, type AnswerForm } from '../openai-fetch/completion-response.js'
import type { Session } from '../session.js'
import type { ChatCompletionRequest } from '../types/request.js'
import { checkEvidence } from './check-evidence.js'
import { streamOf } from './content-queue.js'
import { exchangeRoute, type RouteAnswer } from './exchange-route.js'
import { streamWhole } from './stream-whole.js'
import { SEALED_HEADERS, readInit, type FetchedRoute, type SecureFetchInit } from './read-init.js'

const CHAT = '/v1/chat/completions'
/** Fields of an answer that its reader gets. */
const FIELDS = ['content-type', 'date', 'retry-after', 'x-request-id']
/** A `Response` with one of these must have no body. */
const NO_BODY = [204, 205]

/**
 * Sends one request of a route and returns the response when its head is authentic.
 *
 * @throws the errors of `SecureChatCompletion.fetch`
 */
export async function fetchSealed(
  session: Session,
  path: string,
  init: SecureFetchInit,
): Promise<Response> {
  return sendFetched(session, await readInit(path, init))
}

/** Sends one request that was read; the errors are those of {@link fetchSealed}. */
export async function sendFetched(session: Session, fetched: FetchedRoute): Promise<Response> {
  const { request, upload, members, options } = fetched
  const { path } = request
  const { attestation, config } = session.context
  const isChat = request.method === 'POST' && path === CHAT && members !== undefined
  try {
    // Receipts are of whole answers.
    if (isChat && (members['stream'] !== true || config.onReceipt !== undefined)) {
      return await complete(session, fetched, members)
    }
    // The gateway answers a GET itself, with nothing of a model.
    const check = attestation && request.method !== 'GET' ? checkEvidence(attestation) : undefined
    const answer = await exchangeRoute(session, request, options, check, upload)
    if (answer !== undefined) {
      const response = responseOf(answer)
      return isChat ? await streamWhole(response, formOf(session, fetched, members)) : response
    }
    if (isChat) return await complete(session, fetched, members)
    throw onlyChat(path)
  } finally {
    if (config.secureMemory) request.content.fill(0)
  }
}

/** Requests a whole completion, which is split into a stream where the request asks for one. */
async function complete(
  session: Session,
  fetched: FetchedRoute,
  members: Record<string, unknown>,
): Promise<Response> {
  const { config } = session.context
  const { apiKey, securityTier } = fetched.request
  const { stream: _stream, stream_options: _options, ...others } = members
  const request = {
    ...others,
    ...(apiKey === undefined ? {} : { api_key: apiKey }),
    ...(securityTier === undefined ? {} : { security_tier: securityTier }),
  } as unknown as ChatCompletionRequest
  const { options } = fetched
  const given = Object.entries(options.headers ?? {})
  const isSealed = ([name]: readonly [string, string]): boolean => SEALED_HEADERS.includes(name)
  // Not as options: on wire 1 they would travel outside of the encryption.
  const sealedHeaders = Object.fromEntries(given.filter(isSealed))
  const headers = Object.fromEntries(given.filter((header) => !isSealed(header)))
  const split = { ...splitRequest(request, config.padding), sealedHeaders }
  const completion = await session.complete(split, { ...options, headers })
  return completionResponse(completion, formOf(session, fetched, members))
}

/** Returns the form of the answer that a request asks for. */
function formOf(
  { context }: Session,
  { options: { signal, timeout } }: FetchedRoute,
  { stream, stream_options: options }: Record<string, unknown>,
): AnswerForm {
  return {
    stream: stream === true,
    includeUsage: isObject(options) && options['include_usage'] === true,
    signal,
    endMs: performance.now() + (timeout ?? context.config.timeout),
  }
}

function responseOf({ status, header, id, content }: RouteAnswer): Response {
  const headers = new Headers({ 'cache-control': 'no-store', 'x-request-id': id })
  for (const name of FIELDS) {
    const value = header(name)
    if (value !== undefined) headers.set(name, value)
  }
  const hasBody = !NO_BODY.includes(status)
  if (!hasBody) content.cancel()
  return new Response(hasBody ? streamOf(content) : null, { status, headers })
}

const onlyChat = (path: string): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_ROUTE',
    `Nothing was sent: this gateway speaks wire 1, which encrypts POST ${CHAT} only, not ${path}.`,
  )
