import { refuseForeignPages } from '@nomyo-internal/http-server'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../openai-error.js'

/** Time for which browsers may cache a preflight. */
const PREFLIGHT_MAX_AGE_S = 600

/**
 * Refuses requests that web pages make browsers send: those for a Host that is not this proxy's (DNS
 * rebinding), and those of an Origin that is not allowed. Allowed origins get CORS headers, also with
 * refusals.
 *
 * Must come before everything else, so that refused requests have no effect.
 */
export function guardAgainstPages(
  server: FastifyInstance,
  isOwnHost: (host: string) => boolean,
  allowedOrigins: readonly string[],
): void {
  refuseForeignPages(server, {
    allowedOrigins,
    isForeignHost: (host) => host === undefined || !isOwnHost(host.toLowerCase()),
    createError: (reason) => (reason === 'host' ? hostRefused() : pageRefused()),
  })
  server.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers
    if (origin === undefined) {
      done()
      return
    }
    void reply
      .header('access-control-allow-origin', origin)
      .header(
        'access-control-expose-headers',
        'request-id, retry-after, retry-after-ms, x-nomyo-stream, x-request-id, x-should-retry',
      )
      .header('vary', 'origin')
    const { 'access-control-request-method': method, 'access-control-request-headers': headers } =
      request.headers
    if (request.method !== 'OPTIONS' || method === undefined) {
      done()
      return
    }
    // Grants every header: SDKs send many, and the proxy reads only its own.
    void reply
      .code(204)
      .header('access-control-allow-methods', 'GET, POST')
      .header('access-control-allow-headers', headers ?? 'authorization, content-type')
      .header('access-control-max-age', String(PREFLIGHT_MAX_AGE_S))
      .send()
  })
}

const hostRefused = (): Refusal =>
  new Refusal(
    403,
    'ERR_HOST',
    'The Host header names another server. If this name is meant to lead here, add --allow-host.',
  )

const pageRefused = (): Refusal =>
  new Refusal(
    403,
    'ERR_ORIGIN',
    'Web pages may not call this proxy. If this one is meant to, add --allow-origin with its origin.',
  )

/**
 * Lists the Host headers of this proxy: the names of loopback and further ones, each with its port and
 * without. A further name with a port of its own counts as it is.
 */
export function ownHosts(port: number, names: readonly string[]): ReadonlySet<string> {
  const all = ['127.0.0.1', 'localhost', '[::1]', ...names]
  return new Set(
    all.flatMap((name) => (/[^:\]]:\d+$|\]:\d+$/.test(name) ? [name] : [name, `${name}:${port}`])),
  )
}
