import type { FastifyInstance } from 'fastify'
import { Refusal } from '../openai-error.js'

/** How long browsers may remember a preflight. */
const PREFLIGHT_MAX_AGE_S = 600

/**
 * Refuses what web pages make browsers send: requests for a name that is not this proxy's (DNS
 * rebinding makes a page's own name lead here), of origins nobody allowed, and those that pages of
 * others cause without an Origin. Allowed origins get CORS headers, also with refusals.
 *
 * Comes before everything else: nothing is done for a request it refuses.
 */
export function guardAgainstPages(
  server: FastifyInstance,
  isOwnName: (host: string) => boolean,
  allowedOrigins: readonly string[],
): void {
  server.addHook('onRequest', (request, reply, done) => {
    const { host, origin, 'sec-fetch-site': site } = request.headers
    if (host === undefined || !isOwnName(host.toLowerCase())) {
      done(
        new Refusal(
          403,
          'ERR_HOST',
          'The Host header names another server. If this name is meant to lead here, add --allow-host.',
        ),
      )
      return
    }
    if (origin === undefined) {
      const isForeign = site === 'cross-site' || site === 'same-site'
      done(isForeign ? pageRefused() : undefined)
      return
    }
    if (!allowedOrigins.includes(origin)) {
      done(pageRefused())
      return
    }
    void reply
      .header('access-control-allow-origin', origin)
      .header('access-control-expose-headers', 'retry-after, x-nomyo-stream, x-request-id')
      .header('vary', 'origin')
    const { 'access-control-request-method': method, 'access-control-request-headers': headers } =
      request.headers
    if (request.method !== 'OPTIONS' || method === undefined) {
      done()
      return
    }
    // Headers are granted as asked: SDKs send many, and the proxy reads none but its own.
    void reply
      .code(204)
      .header('access-control-allow-methods', 'GET, POST')
      .header('access-control-allow-headers', headers ?? 'authorization, content-type')
      .header('access-control-max-age', String(PREFLIGHT_MAX_AGE_S))
      .send()
  })
}

const pageRefused = (): Refusal =>
  new Refusal(
    403,
    'ERR_ORIGIN',
    'Web pages may not call this proxy. If this one is meant to, add --allow-origin with its origin.',
  )

/** The names of loopback, and others, each with the port listened on and without; `name:port` only as it is. */
export function ownNames(port: number, others: readonly string[]): ReadonlySet<string> {
  const names = ['127.0.0.1', 'localhost', '[::1]', ...others]
  return new Set(
    names.flatMap((name) =>
      /[^:\]]:\d+$|\]:\d+$/.test(name) ? [name] : [name, `${name}:${String(port)}`],
    ),
  )
}
