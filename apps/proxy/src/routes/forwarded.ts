import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { Refusal } from '../openai-error.js'
import type { Upstream } from '../upstream/upstream.js'
import { passOn } from './pass-on.js'
import { refuseOwnKey } from './refuse-own-key.js'

/** Routes of OpenAI's API that take JSON. */
const JSON_PATHS = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/rerank',
  '/v1/images/generations',
  '/v1/audio/speech',
] as const

/** Routes of OpenAI's API that take a form with a file. */
const FORM_PATHS = ['/v1/audio/transcriptions', '/v1/audio/translations'] as const

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'multipart/form-data'
/** Forms pass through, and the gateway has a limit of its own: this one bounds them where it has none. */
const MAX_FORM_BYTES = 1024 * 1024 * 1024
/** Headers of a caller that the model server may see. The caller's token is for this proxy only. */
const SENT_HEADERS = ['accept', 'accept-language', 'content-type', 'openai-beta', 'x-security-tier']

/** The routes of OpenAI's API that are encrypted to the gateway; it says which of them it offers. */
export function forwardedRoutes(
  server: FastifyInstance,
  onRequest: readonly onRequestHookHandler[],
  upstream: Upstream,
  /** Leaves the time of a request to its reader. */
  allowTime: (request: IncomingMessage) => void,
): void {
  // Not read ahead: the client reads it once the request is encrypted.
  server.addContentTypeParser(FORM_TYPE, (_request, payload, done) => {
    done(null, payload)
  })
  for (const path of JSON_PATHS) {
    const hooks = [...onRequest, requireType(JSON_TYPE)]
    server.post(path, { onRequest: hooks }, async (request, reply) => {
      const body = request.body instanceof Uint8Array ? new Uint8Array(request.body) : null
      refuseOwnKey(body)
      return passOn(await upstream.fetch(...callOf(request, reply, path, body)), reply, upstream)
    })
  }
  for (const path of FORM_PATHS) {
    const hooks = [...onRequest, requireType(FORM_TYPE), requireSize(MAX_FORM_BYTES)]
    server.post(path, { onRequest: hooks }, async (request, reply) => {
      const form = boundedForm(request.body as IncomingMessage)
      // As long as its parts keep coming, and are sent.
      allowTime(request.raw)
      const [url, init] = callOf(request, reply, path, form.body)
      const { 'content-length': length } = request.headers
      const headers = new Headers(init.headers)
      if (length !== undefined) headers.set('content-length', length)
      const response = await upstream.fetch(url, { ...init, headers })
      // The client knows only that the body ended.
      if (form.isTooLarge()) throw tooLarge()
      return passOn(response, reply, upstream)
    })
  }
}

function callOf(
  { headers }: FastifyRequest,
  { raw }: FastifyReply,
  path: string,
  body: BodyInit | null,
): [url: string, init: RequestInit] {
  const sent = SENT_HEADERS.flatMap((name): [string, string][] => {
    const value = headers[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return [
    `http://localhost${path}`,
    { method: 'POST', headers: sent, body, signal: disconnectSignal(raw) },
  ]
}

/** A form that is read while it arrives, up to a limit. */
function boundedForm(payload: IncomingMessage): {
  readonly body: ReadableStream<Uint8Array>
  readonly isTooLarge: () => boolean
} {
  let size = 0
  async function* parts(): AsyncGenerator<Buffer> {
    // The connection stays, for the refusal.
    const received = payload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
    for await (const part of received) {
      size += part.length
      if (size > MAX_FORM_BYTES) throw tooLarge()
      yield part
    }
  }
  const body = Readable.toWeb(Readable.from(parts())) as unknown as ReadableStream<Uint8Array>
  return { body, isTooLarge: () => size > MAX_FORM_BYTES }
}

/** Refuses another type before the body is read. */
function requireType(type: string): onRequestHookHandler {
  return ({ headers }, _reply, done) => {
    const given = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
    done(
      given === type
        ? undefined
        : new Refusal(415, 'ERR_BAD_REQUEST', `Content-Type must be ${type}.`),
    )
  }
}

/** Refuses a body that says that it is too large before it is read. */
function requireSize(maxBytes: number): onRequestHookHandler {
  return ({ headers }, _reply, done) => {
    done(Number(headers['content-length'] ?? 0) > maxBytes ? tooLarge() : undefined)
  }
}

const tooLarge = (): Refusal =>
  new Refusal(413, 'ERR_REQUEST_TOO_LARGE', 'The form is too large: 1 GiB at most.')
