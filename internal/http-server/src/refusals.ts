import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Refuses requests outside the routes before anything of a body is read: 405 with `Allow` where the
 * path exists, else 404. Must come before the routes, to learn of them.
 *
 * @param createError - creates the 405 where `allowed` is set, else the 404
 */
export function refuseUnknownRoutes(
  server: FastifyInstance,
  createError: (allowed: string | undefined, paths: readonly string[]) => Error,
): void {
  const routes = new Map<string, string>()
  server.addHook('onRoute', ({ method, url }) => {
    if (method !== 'GET' && method !== 'POST') return
    const known = routes.get(url)
    routes.set(url, known === undefined ? method : `${known}, ${method}`)
  })
  server.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) {
      done()
      return
    }
    // Not by `hasRoute`, which reads `*` and `:` of the request as parts of a pattern.
    const allowed = routes.get(request.url.split('?')[0] ?? '')
    if (allowed !== undefined) void reply.header('allow', allowed)
    done(createError(allowed, [...routes.keys()]))
  })
}

/** Refusal of bytes that are not well-formed HTTP, or too much of it. */
export interface MalformedRequest {
  readonly statusCode: number
  /** A sentence without its full stop. */
  readonly detail: string
}

/** Time for the caller to read a refusal, in milliseconds. */
const CLOSE_AFTER_MS = 1000

/**
 * Creates a handler of `clientError` that answers malformed HTTP and closes the connection, whether or
 * not the caller closes its side.
 *
 * @param createBody - creates the body of the response, which is sent as JSON
 */
export function refuseMalformedRequests(
  createBody: (refusal: MalformedRequest) => object,
): (error: Error & { code?: string }, socket: Socket) => void {
  return ({ code = '' }, socket) => {
    // Any other error is of the connection or of TLS: there is no HTTP to answer.
    if (!/^(?:HPE|ERR_HTTP)_/.test(code) || !socket.writable) {
      socket.destroy()
      return
    }
    const [statusCode, reason, detail] = ANSWERS[code] ?? MALFORMED
    const body = JSON.stringify(createBody({ statusCode, detail }))
    destroyAfterRefusal(socket)
    socket.end(
      `HTTP/1.1 ${statusCode} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    )
  }
}

/**
 * Refuses requests with `Expect` with 417 and closes their connections. Node alone answers without a body,
 * and waits without a limit for a caller that does not read the answer.
 *
 * @param createBody - creates the body of the response, which is sent as JSON
 */
export function refuseExpectations(
  server: FastifyInstance,
  createBody: (refusal: MalformedRequest) => object,
): void {
  const refused = new WeakSet<Socket>()
  server.server.on('checkExpectation', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const statusCode = 417
    const body = createBody({ statusCode, detail: 'Expect is not supported' })
    // Further requests may have arrived on the connection.
    if (!refused.has(socket)) destroyAfterRefusal(socket)
    refused.add(socket)
    response.statusCode = statusCode
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.setHeader('connection', 'close')
    response.end(JSON.stringify(body))
  })
}

/**
 * Bounds the time that a refused connection lives. Its caller may read the refusal, and may neither close
 * its side nor read at all.
 */
function destroyAfterRefusal(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), CLOSE_AFTER_MS)
  socket.once('close', () => {
    clearTimeout(timer)
  })
}

type Answer = readonly [statusCode: number, reason: string, detail: string]

const MALFORMED: Answer = [400, 'Bad Request', 'The request is not well-formed HTTP']
const ANSWERS: Readonly<Record<string, Answer>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    'The request headers are too large',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout', 'The request took too long to arrive'],
}
