import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../http-error.js'
import { isLoopback } from '../loopback.js'
import type { PageFile } from './page-files.js'

/** The chat page, and where it is served. */
export interface Page {
  readonly files: readonly PageFile[]
  /** The address or name the gateway listens on. */
  readonly host: string
}

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  // No policy may be made, so nothing ever becomes trusted.
  "trusted-types 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy':
    'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  // A page of yesterday may not go with the gateway of today.
  'cache-control': 'no-store',
} as const

/** `GET /` and what the page loads: a chat for people at this machine. */
export function pageRoutes(server: FastifyInstance, { files, host }: Page): void {
  for (const { path, type, bytes } of files) {
    server.get(path, (request, reply) => {
      refuseStrangeName(request.headers.host, host)
      return reply.headers(HEADERS).type(type).send(bytes)
    })
  }
}

/**
 * DNS rebinding: a name of somebody else's that is made to point at this machine must not pass for it.
 * Elsewhere than on loopback there is TLS, and browsers hold the name against the certificate.
 */
function refuseStrangeName(header: string | undefined, host: string): void {
  if (isLoopback(nameIn(header)) || !isLoopback(host)) return
  throw new HttpError(421, 'The page is served under the name of this machine only')
}

/** `Host` without its port; nothing where it is malformed. */
function nameIn(header = ''): string {
  return /^(\[[\da-f:.]+\]|[^:[\]\s]+)(?::\d{1,5})?$/i.exec(header)?.[1] ?? ''
}
