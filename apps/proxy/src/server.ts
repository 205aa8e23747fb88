import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { guardAgainstPages } from './access/browsers.js'
import type { CheckToken } from './access/token.js'
import { endWhenAnswered } from './end-when-answered.js'
import { errorFacts, type Log } from './log.js'
import { Refusal, refusalFrom } from './openai-error.js'
import { logRequests } from './request-log.js'
import { chatCompletionsRoute } from './routes/chat-completions.js'
import { healthRoute } from './routes/health.js'
import { modelsRoute } from './routes/models.js'
import { hangUpOnSlowReaders } from './slow-readers.js'
import type { Upstream } from './upstream.js'

/** What the server is made of. */
export interface ServerParts {
  readonly upstream: Upstream
  readonly gateway: string
  readonly checkToken: CheckToken
  readonly isOwnName: (host: string) => boolean
  readonly allowedOrigins: readonly string[]
  readonly maxConcurrency: number
  readonly log: Log
}

/** The client seals 10 MiB; the same JSON may come in longer, with blanks and escapes. */
const MAX_BODY_BYTES = 11 * 1024 * 1024
/** Time for a caller to get its request across. */
const REQUEST_TIMEOUT_MS = 120_000
/** Time for the rest of a body that is too large. */
const PATIENCE_MS = 10_000
/** Time for a caller to take its answer. */
const ANSWER_TIMEOUT_MS = 120_000
const MAX_CONNECTIONS = 1024

/** Puts the routes on an HTTP server that answers every fault in OpenAI's shape. */
export function createServer(
  parts: ServerParts,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
): FastifyInstance {
  const { upstream, gateway, checkToken, isOwnName, allowedOrigins, maxConcurrency, log } = parts
  const server = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // Node's own refusal of a request without Host has no body; the guard refuses it, too.
    http: { requireHostHeader: false },
    clientErrorHandler: (error, socket) => {
      refuseGarbage(error, socket)
    },
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      send(reply, new Refusal(400, 'ERR_BAD_REQUEST', 'The URL is malformed.'))
    },
  }) as unknown as FastifyInstance
  server.server.maxConnections = MAX_CONNECTIONS
  endWhenAnswered(server)
  hangUpOnSlowReaders(server, answerTimeoutMs)
  logRequests(server, log)
  guardAgainstPages(server, isOwnName, allowedOrigins)
  refuseUnknownRoutes(server)
  // As it came: the client parses it, and says what is wrong with it.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body)
  })
  server.setErrorHandler(async (error, { raw }, reply) => {
    const refusal = refusalOf(error)
    if (refusal.statusCode === 413) await restOf(raw)
    if (refusal.statusCode === 500) log.error(`request failed: ${errorFacts(error)}`)
    return send(reply, refusal)
  })
  chatCompletionsRoute(server, checkToken, upstream, maxConcurrency)
  modelsRoute(server, checkToken, upstream)
  healthRoute(server, gateway, upstream.trust)
  return server
}

/**
 * Lets the rest of a body go by: a caller in the middle of sending would otherwise find its connection
 * cut off, and no answer.
 */
async function restOf(request: IncomingMessage): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  request.resume()
  await finished(request, { signal, writable: false }).catch(() => undefined)
}

function send(reply: FastifyReply, refusal: Refusal): FastifyReply {
  return reply.code(refusal.statusCode).headers(refusal.headers).send(refusal.body)
}

/** What the caller may know about an error. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const fromGateway = refusalFrom(error)
  if (fromGateway !== undefined) return fromGateway
  const { statusCode, code } = error as Partial<FastifyError>
  if (statusCode === 413) {
    return new Refusal(
      413,
      'ERR_REQUEST_TOO_LARGE',
      'The request is too large: 10 MiB of JSON can be sealed. Shorten it, or shrink attached files.',
    )
  }
  if (statusCode === 415) {
    return new Refusal(415, 'ERR_BAD_REQUEST', 'Content-Type must be application/json.')
  }
  if (code !== undefined && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Refusal(statusCode, 'ERR_BAD_REQUEST', 'The request is malformed.')
  }
  return new Refusal(500, 'ERR_INTERNAL', 'The proxy failed in a way that was not foreseen.')
}

/**
 * 405 where another method would do, 404 elsewhere, before any body is read. Comes before the routes,
 * to learn of them.
 */
function refuseUnknownRoutes(server: FastifyInstance): void {
  const routes = new Map<string, string>()
  server.addHook('onRoute', ({ method, url }) => {
    routes.set(url, String(method))
  })
  server.addHook('onRequest', (request, _reply, done) => {
    if (!request.is404) {
      done()
      return
    }
    const allowed = routes.get(request.url.split('?')[0] ?? '')
    done(
      allowed === undefined
        ? new Refusal(
            404,
            'ERR_NOT_FOUND',
            `There are ${[...routes.keys()].join(', ')} here and nothing else; nothing was sent.`,
          )
        : new Refusal(405, 'ERR_METHOD_NOT_ALLOWED', `This takes ${allowed}.`, { allow: allowed }),
    )
  })
}

/** Answers what is not HTTP at all, or too much of it, and hangs up. */
function refuseGarbage(error: Error & { code?: string }, socket: Socket): void {
  const code = error.code ?? ''
  if (!/^(?:HPE|ERR_HTTP)_/.test(code) || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, reason] = GARBAGE_ANSWERS[code] ?? [400, 'Bad Request']
  const refusal = new Refusal(
    status,
    'ERR_BAD_REQUEST',
    `The request is not as it must be: ${reason}.`,
  )
  const body = JSON.stringify(refusal.body)
  socket.end(
    `HTTP/1.1 ${String(status)} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${String(body.length)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

const GARBAGE_ANSWERS: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}
