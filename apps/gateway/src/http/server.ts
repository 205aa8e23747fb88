import { randomUUID } from 'node:crypto'
import {
  closeConnectionsOnShutdown,
  closeSlowReaders,
  isDisconnected,
  limitPipelining,
  logRequests,
  refuseExpectations,
  refuseForeignPages,
  refuseMalformedRequests,
  refuseUnknownRoutes,
} from '@nomyo-internal/http-server'
import {
  LogController,
  fastify,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { KnownRelays } from '../access/known-relays.js'
import type { AccessControl } from '../access/access-control.js'
import type { CompletionContext } from '../completion/handle-completion.js'
import { isPayloadId } from '../completion/request-fields.js'
import { SealedRefusal } from '../completion/seal-refusal.js'
import { HttpError, errorBody } from '../http-error.js'
import { completionFields } from '../observability/completion-log.js'
import type { CompletionObservation } from '../observability/completion-record.js'
import type { RequestKeys } from '../request-keys/request-keys.js'
import { ConnectionLimits } from './connection-limits.js'
import { allowOrigins } from './cors.js'
import { normalizeForwardedFor } from './forwarded-for.js'
import { attestationRoute } from './routes/attestation.js'
import { healthRoutes, type Unready } from './routes/health.js'
import { keyStatementRoutes } from './routes/key-statement.js'
import { modelsRoute } from './routes/models.js'
import { PAGE_PATHS, pageRoutes, type Page } from './routes/page.js'
import { publicKeyRoute } from './routes/public-key.js'
import { secureCompletionRoute } from './routes/secure-completion.js'
import { sealedExchangeRoute } from './routes/sealed-exchange.js'
import { vouchRoute } from './routes/vouch.js'
import type { TlsFiles } from './tls.js'
import type { ExchangeContext } from '../wire-2/exchange-context.js'
import { KeyProblem } from '../wire-2/answer/key-problem.js'

/** Services and limits of the HTTP server. */
export interface ServerOptions {
  readonly context: CompletionContext
  /** Default: wire 2 is not offered. */
  readonly requestKeys?: RequestKeys | undefined
  /** Services that answer requests of wire 2. Default: it is not served. */
  readonly exchange?: ExchangeContext | undefined
  /** The oldest wire that is served. Default `1.0`. */
  readonly minWire?: '1.0' | '2' | undefined
  readonly accessControl: AccessControl
  readonly corsOrigins: readonly string[]
  /** Checks for a `Host` header that cannot be the gateway's. Default: every name is its own. */
  readonly isForeignHost?: ((host: string | undefined) => boolean) | undefined
  readonly unready: Unready
  /** Default: no chat page. */
  readonly page?: Page | undefined
  readonly limits?: ConnectionLimits | undefined
  readonly tls?: TlsFiles | undefined
  /** Addresses whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies?: readonly string[] | undefined
  /** Default: none. */
  readonly knownRelays?: KnownRelays | undefined
  readonly log: FastifyBaseLogger
  /** Logs the names of models. Default true. */
  readonly logModels?: boolean | undefined
}

/** Interval at which Node enforces those times; by default half a minute. */
const TIMEOUT_CHECK_INTERVAL_MS = 1000
const KEEP_ALIVE_TIMEOUT_MS = 72_000
/** Also the longest time for which a silent connection delays the shutdown. */
const HANDSHAKE_TIMEOUT_MS = 10_000

/** Creates the HTTP server with all routes. It answers every failure with `{"detail": ...}`. */
export function createServer({
  context,
  requestKeys,
  exchange,
  minWire,
  accessControl,
  corsOrigins,
  isForeignHost = () => false,
  unready,
  page,
  limits = new ConnectionLimits(),
  tls,
  trustedProxies = [],
  knownRelays = new KnownRelays(),
  log,
  logModels = true,
}: ServerOptions): FastifyInstance {
  const http = {
    headersTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    // Node's own refusal of a request without Host has no body; a hook below refuses it instead.
    requireHostHeader: false,
  }
  const server = fastify({
    loggerInstance: log,
    // A hook below writes one line per request.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: context.maxBodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    ...(tls === undefined
      ? { http }
      : {
          https: {
            ...http,
            ...tls,
            handshakeTimeout: Math.min(HANDSHAKE_TIMEOUT_MS, limits.requestTimeoutMs),
          },
        }),
    // Independent of anything that a caller sends.
    genReqId: () => randomUUID(),
    ...(trustedProxies.length === 0 ? {} : { trustProxy: [...trustedProxies] }),
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseMalformedRequests(({ detail }) => errorBody(detail)),
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      context.metrics.countRefusal('request_invalid')
      void reply.code(400).send(errorBody('The URL is malformed'))
    },
  }) as unknown as FastifyInstance
  const { connections } = context.metrics
  limits.apply(server.server)
  // All callers behind a proxy share its address.
  if (trustedProxies.length === 0) {
    limits.limitAddresses(server.server, {
      isExempt: (address) => knownRelays.has(address),
      onDropped: () => {
        connections.countDropped('address_limit')
      },
    })
  } else {
    normalizeForwardedFor(server.server)
  }
  closeConnectionsOnShutdown(server)
  connections.watch(server.server)
  closeSlowReaders(server, {
    timeoutMs: () => limits.requestTimeoutMs,
    onClosed: () => {
      connections.countDropped('slow_reader')
    },
  })
  context.metrics.watchRequests(server)
  identifyRequests(server)
  observeRequests(server, logModels)
  closeConnectionsWhileDraining(server, unready)
  refuseForeignPages(server, {
    allowedOrigins: corsOrigins,
    isForeignHost,
    ownPages: page === undefined ? [] : PAGE_PATHS,
    createError: pageRefusal,
  })
  allowOrigins(server, corsOrigins)
  refuseMissingHostAndExpect(server)
  acceptEnvelopesOnly(server)
  server.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error)
    if (isCutBody(error) && isDisconnected(reply.raw)) return reply.code(refusal.statusCode).send()
    context.metrics.countRefusal(refusal.code)
    observationOf(request)?.refuse(refusal.code)
    // A refusal is intended, and its cause is logged where it is found; any other error is a fault.
    if (refusal.statusCode >= 500 && !(error instanceof HttpError)) {
      request.log.error({ err: error }, 'request failed')
    }
    if (refusal.retryAfterSeconds !== undefined) {
      void reply.header('retry-after', String(refusal.retryAfterSeconds))
    }
    // Tells callers to wait for the next window instead of trying again.
    const code = refusal.code === 'insufficient_quota' ? refusal.code : undefined
    if (refusal instanceof KeyProblem) {
      const type = 'application/problem+json; charset=utf-8'
      return reply.code(refusal.statusCode).type(type).send(JSON.stringify(refusal.problem))
    }
    if (refusal.statusCode === 404 && request.is404 && request.url.startsWith('/v1/')) {
      const body = { ...errorBody(refusal.message), error: ENCRYPTED_ONLY }
      return reply.code(refusal.statusCode).send(body)
    }
    const sealedError = refusal instanceof SealedRefusal ? refusal.sealedError : undefined
    return reply.code(refusal.statusCode).send(errorBody(refusal.message, { code, sealedError }))
  })
  refuseUnknownRoutes(server, (allowed) =>
    allowed === undefined
      ? new HttpError(404, 'Not Found')
      : new HttpError(405, 'Method Not Allowed'),
  )
  publicKeyRoute(server, context.serverKeys)
  if (requestKeys !== undefined) {
    keyStatementRoutes(server, requestKeys)
    const { serverKeys, loadShedder } = context
    vouchRoute(server, { serverKeys, requestKeys, loadShedder })
  }
  if (exchange !== undefined) {
    const allowTime = limits.allowUploads(server.server)
    sealedExchangeRoute(server, exchange, { knownRelays, allowTime })
  }
  attestationRoute(server, { ...context, requestKeys })
  secureCompletionRoute(server, accessControl, context, { isRefused: minWire === '2' })
  modelsRoute(server, accessControl, context)
  healthRoutes(server, unready)
  if (page !== undefined) pageRoutes(server, page)
  limitPipelining(server.server, {
    onClosed: () => {
      connections.countDropped('pipelining')
    },
  })
  return server
}

function identifyRequests(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
}

/** Writes one line per request; that of an encrypted request includes its record. */
function observeRequests(server: FastifyInstance, logModels: boolean): void {
  server.decorateRequest('observation', null)
  logRequests(server, (record, request) => {
    const observation = observationOf(request)
    if (observation === undefined) {
      // The only text of a caller in the log, and only in its checked form.
      const payloadId = request.headers['x-payload-id']
      request.log.info({ ...record, ...(isPayloadId(payloadId) ? { payloadId } : {}) }, 'request')
      return
    }
    void observation.close(record.status).then((end) => {
      request.log.info({ ...record, ...completionFields(end.record, { logModels }) }, 'request')
      for (const err of end.failures) request.log.error({ err }, 'a record was not processed')
    })
  })
}

const observationOf = (request: FastifyRequest): CompletionObservation | undefined =>
  request.getDecorator<CompletionObservation | null>('observation') ?? undefined

/** Prevents clients from sending a further request on a connection that is about to close. */
function closeConnectionsWhileDraining(server: FastifyInstance, unready: Unready): void {
  server.addHook('onSend', (_request, reply, _payload, done) => {
    if (unready() === 'draining') void reply.header('connection', 'close')
    done()
  })
}

/** Refuses with a body what Node would refuse silently. */
function refuseMissingHostAndExpect(server: FastifyInstance): void {
  server.addHook('onRequest', ({ raw, headers }, _reply, done) => {
    const lacksHost = raw.httpVersion === '1.1' && headers.host === undefined
    done(lacksHost ? new HttpError(400, 'The Host header is missing') : undefined)
  })
  refuseExpectations(server, ({ detail }) => errorBody(detail))
}

/** Error for an SDK of OpenAI whose base URL is this gateway: in OpenAI's shape, with the way out. */
const ENCRYPTED_ONLY = {
  message:
    'This gateway answers encrypted requests only: use nomyo-proxy as the base URL, or create the SDK with the fetch of createNomyoFetch',
  type: 'invalid_request_error',
  param: null,
  code: 'encryption_required',
} as const

/** Creates the refusal of a web page. */
const pageRefusal = (reason: 'host' | 'origin'): HttpError =>
  new HttpError(
    reason === 'host' ? 421 : 403,
    reason === 'host'
      ? 'The Host header names another server: use an address, or localhost'
      : 'Web pages of this origin may not use this gateway: --cors-origin allows them',
    undefined,
    'page_refused',
  )

/** Accepts bodies of one type only, and none that would have to be decompressed. */
function acceptEnvelopesOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(
    'application/octet-stream',
    // The route reads the body itself, once the headers are checked.
    (_request, _body, done) => {
      done(null)
    },
  )
  server.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding']
    const plain = encoding === undefined || encoding === 'identity'
    done(plain ? undefined : new HttpError(415, 'Content-Encoding is not supported'))
  })
}

/** Checks for the end of a body whose caller disconnects before its first byte: no fault of this gateway. */
const isCutBody = (error: unknown): boolean =>
  (error as Partial<FastifyError>).code === 'ERR_STREAM_PREMATURE_CLOSE'

/** Reduces an error to what the caller may know. */
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
