import { StreamedBody, disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, FastifyReply, onRequestHookHandler } from 'fastify'
import { fromOpenAIError } from '../anthropic/error.js'
import { messageStream } from '../anthropic/event-stream.js'
import { isMembers, json, refuse, type Members } from '../anthropic/members.js'
import { messageOf, unusable } from '../anthropic/message.js'
import { readMessagesRequest, type ChatRequest } from '../anthropic/request.js'
import { Refusal } from '../openai-error.js'
import type { Upstream } from '../upstream/upstream.js'
import { passHeaders } from './pass-on.js'
import { STALL_TIMEOUT_MS } from './stall-timeout.js'

const PATH = '/v1/messages'

/** Path that callers of Anthropic's API may ask, and that is always refused. */
export const COUNT_TOKENS_PATH = `${PATH}/count_tokens`

/** Checks for a caller that expects the shapes of Anthropic's API. */
export const isAnthropic = (
  url: string | undefined,
  headers: Readonly<Record<string, unknown>>,
): boolean => url?.startsWith(PATH) === true || headers['anthropic-version'] !== undefined

/** `POST /v1/messages`: Anthropic's Messages API, converted to chat completions and back on this machine. */
export function messagesRoutes(
  server: FastifyInstance,
  onRequest: readonly onRequestHookHandler[],
  requireToken: onRequestHookHandler,
  upstream: Upstream,
): void {
  server.post(PATH, { onRequest: [...onRequest] }, async (request, reply) => {
    const asked = readMessagesRequest(parse(request.body))
    const tier = request.headers['x-security-tier']
    const response = await upstream.fetch('http://localhost/v1/chat/completions', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(typeof tier === 'string' ? { 'x-security-tier': tier } : {}),
      },
      body: json(asked.request, 'the request'),
      signal: disconnectSignal(reply.raw),
    })
    const requestId = response.headers.get('x-request-id')
    if (requestId !== null) void reply.header('request-id', requestId)
    passHeaders(response, reply)
    return answer(reply, response, asked, upstream)
  })
  // Before the body is read.
  const refuseCount: onRequestHookHandler = (_request, _reply, done) => {
    done(noTokenCount())
  }
  server.post(COUNT_TOKENS_PATH, { onRequest: [requireToken, refuseCount] }, () => undefined)
}

async function answer(
  reply: FastifyReply,
  response: Response,
  asked: ChatRequest,
  upstream: Upstream,
): Promise<FastifyReply> {
  const { status, body, headers } = response
  const onFailure = (error: unknown): void => {
    upstream.noteFailure(error)
  }
  if (asked.stream && status === 200 && body !== null) {
    return reply
      .type('text/event-stream; charset=utf-8')
      .send(new StreamedBody(messageStream(body, asked, onFailure), { stallMs: STALL_TIMEOUT_MS }))
  }
  void reply.type('application/json; charset=utf-8')
  const content: unknown = await response.json().catch(onFailure)
  if (status !== 200) {
    const requestId = headers.get('x-request-id')
    return reply.send(JSON.stringify(fromOpenAIError(status, content, requestId)))
  }
  if (!isMembers(content)) throw unusable('is not a JSON object')
  return reply.send(JSON.stringify(messageOf(content, asked)))
}

/** @throws Refusal for anything but a JSON object */
function parse(body: unknown): Members {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body as Uint8Array)
    const value: unknown = JSON.parse(text)
    if (isMembers(value)) return value
  } catch {
    // The engine's message would quote it.
  }
  throw refuse('the body', 'must be a JSON object')
}

const noTokenCount = (): Refusal =>
  new Refusal(
    404,
    'ERR_ROUTE',
    'Nothing was sent: tokens cannot be counted before a request; no model server offers it on the encrypted ' +
      'routes. The usage of an answer has the tokens of its request.',
  )
