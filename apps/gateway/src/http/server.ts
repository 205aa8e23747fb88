import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  LogController,
  fastify,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
} from 'fastify'
import { Shed } from '../completion/load-shedder.js'
import type { Authenticate } from '../access/authenticate.js'
import { limitConnectionsPerAddress } from './connection-limit.js'
import { allowOrigins } from './cors.js'
import type { CompletionContext } from '../completion/handle-completion.js'
import { hangUpOnSlowReaders, hangUpWhenClosing } from './connection-lifecycle.js'
import { HttpError, errorBody } from '../http-error.js'
import { logOptions, type LogLevel } from '../observability/log.js'
import { measureRequests } from '../observability/instrument.js'
import type { RateLimiter } from '../access/rate-limiter.js'
import { logRequests } from '../observability/request-log.js'
import { attestationRoute } from './routes/attestation.js'
import { healthRoute } from './routes/health.js'
import { modelsRoute } from './routes/models.js'
import { pageRoutes, type Page } from './routes/page.js'
import { publicKeyRoute } from './routes/public-key.js'
import { readyRoute, type Unready } from './routes/ready.js'
import { secureCompletionRoute } from './routes/secure-completion.js'
import type { TlsFiles } from './tls.js'

/** What the server is made of. */
export interface ServerParts {
  readonly context: CompletionContext
  readonly authenticate: Authenticate
  readonly rateLimiter: RateLimiter
  readonly corsOrigins: readonly string[]
  readonly unready: Unready
  /** The chat page, where there is one. */
  readonly page?: Page | undefined
  readonly maxConnections?: number | undefined
  readonly maxConnectionsPerAddress?: number | undefined
  readonly requestTimeoutMs?: number | undefined
  readonly tls?: TlsFiles | undefined
  /** Addresses whose `X-Forwarded-For` is believed. */
  readonly trustedProxies?: readonly string[] | undefined
  readonly logLevel: LogLevel
}

/** Time for a slow caller to get its request across, and to take its answer. */
const REQUEST_TIMEOUT_MS = 120_000
const HEADERS_TIMEOUT_MS = 20_000
/** How much later than that Node may notice; half a minute, if it is not told. */
const TIMEOUT_CHECKS_MS = 1000
const KEEP_ALIVE_TIMEOUT_MS = 72_000
/** Also the longest a connection that says nothing can hold up the end. */
const HANDSHAKE_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 4096

/** Puts the routes on an HTTP server that answers every fault with `{"detail": ...}`. */
export function createServer({
  context,
  authenticate,
  rateLimiter,
  corsOrigins,
  unready,
  page,
  maxConnections = MAX_CONNECTIONS,
  maxConnectionsPerAddress = Math.ceil(maxConnections / 2),
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
  tls,
  trustedProxies = [],
  logLevel,
}: ServerParts): FastifyInstance {
  // Node's own refusal of a request without Host has no body: the hook below takes its place.
  const http = {
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
    connectionsCheckingInterval: TIMEOUT_CHECKS_MS,
    requireHostHeader: false,
  }
  const server = fastify({
    logger: logOptions(logLevel),
    // One line a request, written by the hook below.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: context.maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    ...(tls === undefined
      ? { http }
      : { https: { ...http, ...tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS } }),
    // Of nothing a caller sends.
    genReqId: () => randomUUID(),
    ...(trustedProxies.length === 0 ? {} : { trustProxy: [...trustedProxies] }),
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => {
      refuseGarbage(error, socket)
    },
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      void reply.code(400).send(errorBody('The URL is malformed'))
    },
  }) as unknown as FastifyInstance
  server.server.maxConnections = maxConnections
  // All callers of a proxy have its address.
  if (trustedProxies.length === 0) {
    limitConnectionsPerAddress(server.server, maxConnectionsPerAddress)
  }
  hangUpWhenClosing(server)
  hangUpOnSlowReaders(server, requestTimeoutMs)
  measureRequests(server, context.metrics)
  logRequests(server)
  endConnectionsWhileDraining(server, unready)
  allowOrigins(server, corsOrigins)
  refuseUnmetDemands(server)
  acceptSealedBodiesOnly(server)
  server.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.statusCode >= 500 && !(refusal instanceof Shed))
      request.log.error({ err: error }, 'request failed')
    if (refusal.retryAfterSeconds !== undefined) {
      void reply.header('retry-after', String(refusal.retryAfterSeconds))
    }
    return reply.code(refusal.statusCode).send(errorBody(refusal.message))
  })
  refuseUnknownRoutes(server)
  publicKeyRoute(server, context.serverKeys)
  attestationRoute(server, context.serverKeys, context.attestor)
  const door = { authenticate, rateLimiter }
  secureCompletionRoute(server, door, context)
  modelsRoute(server, door, context)
  healthRoute(server)
  readyRoute(server, unready)
  if (page !== undefined) pageRoutes(server, page)
  return server
}

/**
 * 405 where another method would do, 404 elsewhere, before anything of a body is read. Comes before the
 * routes, to learn of them.
 */
function refuseUnknownRoutes(server: FastifyInstance): void {
  const routes = new Map<string, string>()
  server.addHook('onRoute', ({ method, url }) => {
    if (method === 'GET' || method === 'POST') routes.set(url, method)
  })
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done()
      return
    }
    // Not by `hasRoute`, which reads `*` and `:` in what a caller sends as parts of a pattern.
    const allowed = routes.get(request.url.split('?')[0] ?? '')
    if (allowed !== undefined) void reply.header('allow', allowed)
    done(
      allowed === undefined
        ? new HttpError(404, 'Not Found')
        : new HttpError(405, 'Method Not Allowed'),
    )
  })
}

/** Who keeps a connection alive would otherwise send a request into its end. */
function endConnectionsWhileDraining(server: FastifyInstance, unready: Unready): void {
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (unready() === 'draining') void reply.header('connection', 'close')
    done()
  })
}

/** Says no to what HTTP demands and Node would refuse without a word. */
function refuseUnmetDemands(server: FastifyInstance): void {
  server.addHook('onRequest', ({ raw, headers }, _reply, done) => {
    const lacksHost = raw.httpVersion === '1.1' && headers.host === undefined
    done(lacksHost ? new HttpError(400, 'The Host header is missing') : undefined)
  })
  server.server.on('checkExpectation', (_request, response: ServerResponse) => {
    response.statusCode = 417
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.end(JSON.stringify(errorBody('Expect is not supported')))
  })
}

/** Envelopes come as they are: no other type, and nothing compressed that would have to be unpacked. */
function acceptSealedBodiesOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer' },
    (_request, body, done) => {
      done(null, body)
    },
  )
  server.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding']
    const plain = encoding === undefined || encoding === 'identity'
    done(plain ? undefined : new HttpError(415, 'Content-Encoding is not supported'))
  })
}

/** What the caller may know about an error. */
function refusalOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const { statusCode, code } = error as Partial<FastifyError>
  if (statusCode === 413) return new HttpError(413, 'The request body is too large')
  if (statusCode === 415) return new HttpError(415, 'Content-Type must be application/octet-stream')
  if (code !== undefined && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HttpError(statusCode, 'The request is malformed')
  }
  return new HttpError(500, 'Internal server error')
}

/** Answers what is not HTTP at all, or too much of it, and hangs up. */
function refuseGarbage(error: Error & { code?: string }, socket: Socket): void {
  // Not of HTTP: the connection is gone, or its TLS never came about.
  if (!/^(?:HPE|ERR_HTTP)_/.test(error.code ?? '') || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, reason, detail] = GARBAGE_ANSWERS[error.code ?? ''] ?? [
    400,
    'Bad Request',
    'The request is not well-formed HTTP',
  ]
  const body = JSON.stringify(errorBody(detail))
  socket.end(
    `HTTP/1.1 ${String(status)} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${String(body.length)}\r\nconnection: close\r\n\r\n${body}`,
  )
}

const GARBAGE_ANSWERS: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    'The request headers are too large',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request took too long to arrive'],
}
