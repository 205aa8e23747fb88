import { StreamedBody } from '@nomyo-internal/http-server'
import type { FastifyReply } from 'fastify'
import { refusalFrom } from '../openai-error.js'
import type { Upstream } from '../upstream/upstream.js'
import { STALL_TIMEOUT_MS } from './stall-timeout.js'

/** Headers of an answer for the caller. */
const PASSED_HEADERS = [
  'cache-control',
  'content-type',
  'retry-after',
  'retry-after-ms',
  'x-nomyo-error',
  'x-nomyo-stream',
  'x-request-id',
  'x-should-retry',
] as const

/**
 * Passes an answer on: JSON once it is complete, so that one that was cut is an error, and everything else
 * while it arrives.
 */
export async function passOn(
  response: Response,
  reply: FastifyReply,
  upstream: Upstream,
): Promise<FastifyReply> {
  passHeaders(response, reply)
  const { body, headers } = response
  const type = headers.get('content-type') ?? ''
  if (body === null) return reply.send()
  if (type.startsWith('application/json')) {
    try {
      return await reply.send(Buffer.from(await response.arrayBuffer()))
    } catch (error) {
      upstream.noteFailure(error)
      throw error
    }
  }
  const parts = partsOf(body, type.startsWith('text/event-stream'), upstream)
  return reply.send(new StreamedBody(parts, { stallMs: STALL_TIMEOUT_MS }))
}

/** Sets the status and the headers of an answer. */
export function passHeaders({ status, headers }: Response, reply: FastifyReply): void {
  void reply.code(status)
  for (const name of PASSED_HEADERS) {
    const value = headers.get(name)
    if (value !== null) void reply.header(name, value)
  }
}

/**
 * Yields a body part by part. Where it is cut, a caller reads an error event in a stream of events, and then
 * loses its connection: neither can be taken for a complete answer.
 */
async function* partsOf(
  body: ReadableStream<Uint8Array>,
  isEvents: boolean,
  upstream: Upstream,
): AsyncGenerator<Uint8Array | string> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    upstream.noteFailure(error)
    if (isEvents) yield errorEvent(error)
    throw error
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Writes an error as SDKs of OpenAI read it, whatever the events are. */
function errorEvent(error: unknown): string {
  const refusal = refusalFrom(error)
  const { code } = Object(error) as { code?: unknown }
  const facts = {
    message: refusal?.message ?? 'The rest of the answer could not be used.',
    type: 'server_error',
    param: null,
    code: refusal?.code ?? (typeof code === 'string' ? code : 'ERR_UNEXPECTED'),
  }
  // A line that was cut must not become part of it.
  return `\n\nevent: error\ndata: ${JSON.stringify({ ...facts, type: 'error', error: facts })}\n\n`
}
