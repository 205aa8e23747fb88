import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Pages that may make browsers send requests to a server. */
export interface PageGuardOptions {
  /** Origins whose pages may call, exactly as browsers send them; `*` for all. */
  readonly allowedOrigins: readonly string[]
  /** Checks for a `Host` header that is not the server's: its name may resolve to it by DNS rebinding. */
  readonly isForeignHost: (host: string | undefined) => boolean
  /**
   * Paths of pages of the server itself, to which other sites may link. Pages of the same origin may call
   * where this is given. Default: none may.
   */
  readonly ownPages?: readonly string[] | undefined
  /** Creates the refusal. */
  readonly createError: (reason: 'host' | 'origin') => Error
}

/**
 * Refuses requests that web pages make browsers send: those for a foreign `Host`, those of an `Origin` that
 * is not allowed, and cross-site ones without an `Origin`, such as images and forms. Callers that are no
 * browsers send none of these headers.
 *
 * Must come before every hook that counts or reads something, so that refused requests have no effect.
 */
export function refuseForeignPages(
  server: FastifyInstance,
  { allowedOrigins, isForeignHost, ownPages, createError }: PageGuardOptions,
): void {
  server.addHook('onRequest', (request, reply, done) => {
    if (isForeignHost(request.headers.host)) {
      done(createError('host'))
      return
    }
    const isAllowed =
      allowedOrigins.includes('*') || isAllowedSender(request, allowedOrigins, ownPages)
    // A cache must not give this refusal to a page that is allowed.
    if (!isAllowed) void reply.header('vary', 'origin')
    done(isAllowed ? undefined : createError('origin'))
  })
}

function isAllowedSender(
  { headers, url }: FastifyRequest,
  allowedOrigins: readonly string[],
  ownPages: readonly string[] | undefined,
): boolean {
  const { origin, host, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers
  if (origin === undefined) {
    if (site !== 'cross-site' && site !== 'same-site') return true
    return mode === 'navigate' && ownPages?.includes(url.split('?')[0] ?? '') === true
  }
  if (allowedOrigins.includes(origin)) return true
  if (ownPages === undefined) return false
  // Only browsers know the origin of a server behind a proxy; older ones do not send it.
  return site === undefined ? isOriginOf(origin, host) : site === 'same-origin'
}

const isOriginOf = (origin: string, host: string | undefined): boolean =>
  URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
