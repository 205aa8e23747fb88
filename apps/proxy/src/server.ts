import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream/promises'
import {
  ArrivalLimit,
  closeConnectionsOnShutdown,
  closeSlowReaders,
  isDisconnected,
  limitPipelining,
  logRequests,
  refuseExpectations,
  refuseMalformedRequests,
  refuseUnknownRoutes,
} from '@nomyo-internal/http-server'
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify'
import { fromRefusal } from './anthropic/error.js'
import { guardAgainstPages } from './access/browser-guard.js'
import { requireToken } from './access/require-token.js'
import type { ProxyConfig } from './config/config.js'
import type { Log } from './log.js'
import { Refusal, refusalFrom } from './openai-error.js'
import { forwardedRoutes } from './routes/forwarded.js'
import { limitConcurrency } from './routes/limit-concurrency.js'
import { COUNT_TOKENS_PATH, isAnthropic, messagesRoutes } from './routes/messages.js'
import { modelsRoutes } from './routes/models.js'
import { reportRoute } from './routes/report.js'
import type { Upstream } from './upstream/upstream.js'

/** Parts of a server. */
interface ServerParts {
  readonly upstream: Upstream
  /** Undefined where callers need none. */
  readonly token: string | undefined
  readonly isOwnHost: (host: string) => boolean
  readonly log: Log
}

/** The client encrypts 10 MiB; the same JSON can arrive longer, with blanks and escapes. */
const MAX_BODY_BYTES = 11 * 1024 * 1024
/** Time for a caller to send a request. */
const REQUEST_TIMEOUT_MS = 120_000
/** Time for a caller to send a form, which passes through as fast as the gateway reads it. */
const UPLOAD_TIMEOUT_MS = 3_600_000
/** Time for the rest of a body that is too large. */
const DISCARD_TIMEOUT_MS = 10_000
/** Time for a caller to read a response. */
const RESPONSE_TIMEOUT_MS = 120_000
const MAX_CONNECTIONS = 1024

/** Creates an HTTP server with the routes, whose errors all have OpenAI's shape. */
export function createServer(
  config: ProxyConfig,
  { upstream, token, isOwnHost, log }: ServerParts,
): FastifyInstance {
  const { gateway, allowOrigin, maxConcurrency } = config
  const server = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: UPLOAD_TIMEOUT_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // Node's own refusal of a request without Host has no body; the guard refuses it too.
    http: { requireHostHeader: false },
    clientErrorHandler: refuseMalformedRequests(
      ({ statusCode, detail }) => new Refusal(statusCode, 'ERR_BAD_REQUEST', `${detail}.`).body,
    ),
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      send(reply, new Refusal(400, 'ERR_BAD_REQUEST', 'The URL is malformed.'))
    },
  }) as unknown as FastifyInstance
  server.server.maxConnections = MAX_CONNECTIONS
  const arrival = new ArrivalLimit()
  arrival.watch(server.server, () => REQUEST_TIMEOUT_MS)
  closeConnectionsOnShutdown(server)
  closeSlowReaders(server, { timeoutMs: () => RESPONSE_TIMEOUT_MS })
  logRequests(server, ({ method, route, status, durationMs }, _request, reply) => {
    const payloadId = reply.getHeader('x-request-id')
    const id = typeof payloadId === 'string' ? { payloadId } : {}
    log.info({ method, route, status, durationMs, ...id }, 'request')
  })
  refuseExpectations(
    server,
    ({ statusCode, detail }) => new Refusal(statusCode, 'ERR_BAD_REQUEST', `${detail}.`).body,
  )
  guardAgainstPages(server, isOwnHost, allowOrigin)
  refuseUnknownRoutes(server, (allowed, paths) =>
    allowed === undefined
      ? unknownPath(paths.filter((path) => path !== COUNT_TOKENS_PATH))
      : new Refusal(405, 'ERR_METHOD_NOT_ALLOWED', `This path takes ${allowed}.`),
  )
  // Passed on unparsed: the client parses it, and describes what is wrong.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body)
  })
  server.setErrorHandler(async (error, { raw }, reply) => {
    if (isDisconnected(reply.raw)) return reply.hijack()
    const refusal = refusalOf(error)
    if (refusal.statusCode === 413) await discardBody(raw)
    if (refusal.statusCode === 500) log.error({ err: error }, 'request failed')
    return send(reply, refusal)
  })
  const tokenHook = requireToken(token)
  const sealed = [tokenHook, limitConcurrency(maxConcurrency)]
  forwardedRoutes(server, sealed, upstream, (request) => {
    arrival.release(request)
  })
  messagesRoutes(server, sealed, tokenHook, upstream)
  modelsRoutes(server, tokenHook, upstream)
  reportRoute(server, requireToken(token, { asPassword: true }), upstream, config)
  // 503 while the gateway is not trusted.
  server.get('/health', (_request, reply) => {
    const { fingerprint, wire, attestation, problem } = upstream.trust
    return reply
      .code(problem === undefined ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: problem ?? 'ok', gateway, wire, fingerprint, attestation })
  })
  limitPipelining(server.server)
  return server
}

/**
 * Reads the rest of a body and drops it: the connection of a caller that is still sending would be
 * reset, and its response lost.
 */
async function discardBody(request: IncomingMessage): Promise<void> {
  const signal = AbortSignal.timeout(DISCARD_TIMEOUT_MS)
  request.resume()
  await finished(request, { signal, writable: false }).catch(() => undefined)
}

function send(reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { headers, routeOptions, url } = reply.request
  const body = isAnthropic(routeOptions.url ?? url, headers) ? fromRefusal(refusal) : refusal.body
  return reply.code(refusal.statusCode).headers(refusal.headers).send(body)
}

/** Converts an error to what the caller may know of it. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const fromGateway = refusalFrom(error)
  if (fromGateway !== undefined) return fromGateway
  const { statusCode, code } = error as Partial<FastifyError>
  if (statusCode === 413) {
    return new Refusal(
      413,
      'ERR_REQUEST_TOO_LARGE',
      'The request is too large: at most 10 MiB of JSON can be encrypted. Shorten it, or shrink attached files.',
    )
  }
  if (statusCode === 415) {
    return new Refusal(415, 'ERR_BAD_REQUEST', 'Content-Type must be application/json.')
  }
  if (code !== undefined && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Refusal(statusCode, 'ERR_BAD_REQUEST', 'The request is malformed.')
  }
  return new Refusal(500, 'ERR_INTERNAL', 'The proxy failed with an internal fault.')
}

const unknownPath = (served: readonly string[]): Refusal =>
  new Refusal(
    404,
    'ERR_NOT_FOUND',
    `Nothing was sent: the proxy does not serve this path. It serves ${served.join(', ')}.`,
  )
