import { randomUUID } from 'node:crypto'
import {
  closeConnectionsOnShutdown,
  closeSlowReaders,
  closeWithin,
  isDisconnected,
  limitPipelining,
  listenHost,
  logRequests,
  onResponseClosed,
  refuseExpectations,
  refuseForeignPages,
  refuseMalformedRequests,
  refuseUnknownRoutes,
} from '@nomyo-internal/http-server'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import {
  LogController,
  fastify,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { Agent } from 'undici'
import { RateLimiter } from '../access/rate/rate-limiter.js'
import { clientNetwork } from '../access/rate/client-network.js'
import { sizeOfBody } from '../completion/read-body.js'
import { HttpError, errorBody } from '../http-error.js'
import { ConnectionLimits } from '../http/connection-limits.js'
import { allowOrigins } from '../http/cors.js'
import { normalizeForwardedFor } from '../http/forwarded-for.js'
import { healthRoutes } from '../http/routes/health.js'
import { readTlsFiles, type TlsFiles } from '../http/tls.js'
import { BoundedTime } from './bounded-time.js'
import type { RelayConfig } from './config.js'
import { exchange, type RelayTarget } from './exchange.js'
import { Places } from './places.js'

/** A relay that listens. */
export interface Relay {
  /** Address, such as `http://127.0.0.1:12437`. */
  readonly url: string
  /** Reads the certificate and its key again, for connections from now on. */
  reloadCertificate(): Promise<void>
  /** Stops accepting requests, and finishes those in flight. Can be called repeatedly. */
  close(): Promise<void>
}

const TIMEOUT_CHECK_INTERVAL_MS = 1000
const KEEP_ALIVE_TIMEOUT_MS = 72_000
const HANDSHAKE_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000
/** Answers reach the client as they come, and as they are. */
const ANSWER_HEADERS = {
  'cache-control': 'no-store, no-transform',
  incremental: '?1',
  'x-accel-buffering': 'no',
}

/**
 * Starts an Oblivious HTTP relay (RFC 9458) for one gateway. It holds no key, reads no message, and passes on
 * no field of a caller: the gateway gets encrypted bodies from the address of the relay. Resolves when it
 * listens.
 *
 * @throws GatewayError for certificates; system errors for the address
 */
export async function createRelay(config: RelayConfig, log: FastifyBaseLogger): Promise<Relay> {
  const tls = config.tls === undefined ? undefined : await readTlsFiles(config.tls)
  const dispatcher = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS },
    ...(config.sourceAddress !== undefined && { localAddress: config.sourceAddress }),
    connections: config.maxRequests,
    pipelining: 1,
    // The limits of an exchange end it.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const target: RelayTarget = {
    url: config.gateway.replace(/\/+$/, '') + GATEWAY_PATH,
    dispatcher,
    loopName: `nomyo-relay-${randomUUID()}`,
    maxBodyBytes: config.maxBodyBytes,
  }
  let isDraining = false
  const server = createServer(config, { tls, log, target, unready: () => isDraining })
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    isDraining = true
    await closeWithin(server, config.drainTimeoutMs)
    await dispatcher.close()
  }
  try {
    const url = await server.listen({ host: listenHost(config.host), port: config.port })
    return {
      url,
      reloadCertificate: async () => {
        if (config.tls === undefined || !('setSecureContext' in server.server)) return
        const files = await readTlsFiles(config.tls)
        ;(server.server as unknown as { setSecureContext(files: TlsFiles): void }).setSecureContext(
          files,
        )
      },
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface ServerParts {
  readonly tls: TlsFiles | undefined
  readonly log: FastifyBaseLogger
  readonly target: RelayTarget
  readonly unready: () => boolean
}

function createServer(
  config: RelayConfig,
  { tls, log, target, unready }: ServerParts,
): FastifyInstance {
  const { trustedProxies, corsOrigins } = config
  const limits = new ConnectionLimits(config)
  const http = {
    headersTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
  }
  const server = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    ...(tls === undefined
      ? { http }
      : { https: { ...http, ...tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS } }),
    ...(trustedProxies.length === 0 ? {} : { trustProxy: [...trustedProxies] }),
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseMalformedRequests(({ detail }) => errorBody(detail)),
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      void reply.code(400).send(errorBody('The URL is malformed'))
    },
  }) as unknown as FastifyInstance
  limits.apply(server.server)
  if (trustedProxies.length === 0)
    limits.limitAddresses(server.server, { onDropped: () => undefined })
  else normalizeForwardedFor(server.server)
  closeConnectionsOnShutdown(server)
  closeSlowReaders(server, { timeoutMs: () => config.totalTimeoutMs })
  logRequests(server, ({ method, route, status, durationMs }, request) => {
    // Addresses and times of a relay would undo what it is for.
    request.log.info({ method, route, status, durationMs }, 'request')
  })
  refuseForeignPages(server, {
    allowedOrigins: corsOrigins,
    isForeignHost: () => false,
    createError: () => new HttpError(403, 'Web pages of this origin may not use this relay'),
  })
  allowOrigins(server, corsOrigins)
  refuseExpectations(server, ({ detail }) => errorBody(detail))
  server.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error)
    if (refusal.statusCode === 500) request.log.error({ err: error }, 'request failed')
    if (isDisconnected(reply.raw)) return reply.code(refusal.statusCode).send()
    // The rest of a body that is too large is not read.
    if (refusal.statusCode === 413) void reply.header('connection', 'close')
    if (refusal.retryAfterSeconds !== undefined) {
      void reply.header('retry-after', String(refusal.retryAfterSeconds))
    }
    return reply.code(refusal.statusCode).send(errorBody(refusal.message))
  })
  refuseUnknownRoutes(server, (allowed) =>
    allowed === undefined
      ? new HttpError(404, 'Not Found')
      : new HttpError(405, 'Method Not Allowed'),
  )
  relayRoute(server, config, target)
  healthRoutes(server, () => (unready() ? 'draining' : undefined))
  limitPipelining(server.server)
  return server
}

/** Adds `POST /.well-known/ohttp-gateway`, whose requests go to the gateway. */
function relayRoute(server: FastifyInstance, config: RelayConfig, target: RelayTarget): void {
  const places = new Places({ total: config.maxRequests, perAddress: config.maxRequestsPerAddress })
  const rates = new RateLimiter({ limit: config.rateLimit })
  const timeLimits = { idleMs: config.idleTimeoutMs, totalMs: config.totalTimeoutMs }
  server.removeAllContentTypeParsers()
  // Nothing is read before the gateway takes it.
  server.addContentTypeParser('*', (_request, _body, done) => {
    done(null)
  })
  server.post(
    GATEWAY_PATH,
    {
      onRequest: async (request, reply) => {
        const address = clientNetwork(request.ip)
        await rates.admit(address)
        checkFields(request, target)
        onResponseClosed(reply.raw, places.enter(address))
      },
    },
    async (request, reply) => {
      const end = new AbortController()
      const time = new BoundedTime(timeLimits, () => {
        end.abort()
        if (reply.raw.headersSent) reply.raw.destroy()
      })
      // Also when the caller hangs up: the gateway then stops working for it.
      onResponseClosed(reply.raw, () => {
        time.clear()
        end.abort()
      })
      const answer = await exchange(request.raw, target, time, end.signal)
      return reply
        .code(answer.status)
        .headers({ ...ANSWER_HEADERS, ...answer.headers })
        .send(answer.body)
    },
  )
}

/** @throws HttpError 413, 415, 508 */
function checkFields({ raw, headers }: FastifyRequest, target: RelayTarget): void {
  const encoding = headers['content-encoding']
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== MEDIA_TYPES.request) {
    throw new HttpError(415, `Content-Type must be ${MEDIA_TYPES.request}`)
  }
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpError(415, 'Content-Encoding is not supported')
  }
  sizeOfBody(raw, target.maxBodyBytes)
  if (String(headers['cdn-loop']).includes(target.loopName)) {
    throw new HttpError(508, 'This relay points at itself', undefined, 'fault')
  }
}

/** Reduces an error to what the caller may know. */
function refusalOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const { statusCode } = error as { readonly statusCode?: unknown }
  const isRefusal = typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
  return isRefusal
    ? new HttpError(statusCode, 'The request is malformed')
    : new HttpError(500, 'Internal server error')
}
