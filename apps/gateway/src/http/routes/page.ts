import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { isLoopback, nameInHost } from '@nomyo-internal/http-server'
import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../http-error.js'

/** File of the chat page. */
export interface PageFile {
  readonly path: string
  readonly type: string
  readonly bytes: Uint8Array
}

/** The chat page and the place where it is served. */
export interface Page {
  readonly files: readonly PageFile[]
  /** Address or name that the gateway listens on. */
  readonly host: string
}

/** Complete list of the files: no other is served. */
const FILES = [
  { path: '/', name: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/app.js', name: 'app.js', type: 'text/javascript; charset=utf-8' },
  { path: '/style.css', name: 'style.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', name: 'icon.svg', type: 'image/svg+xml' },
] as const

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
  // Forbids the creation of policies, so that nothing becomes trusted.
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
  // An outdated page may not work with the current gateway.
  'cache-control': 'no-store',
} as const

/** Paths to which other sites may link. */
export const PAGE_PATHS: readonly string[] = ['/']

/** Reads the built page of `@nomyo/web` into memory, so that no URL ever reaches the file system. */
export async function readPage(): Promise<readonly PageFile[]> {
  const manifest = createRequire(import.meta.url).resolve('@nomyo/web/package.json')
  const folder = join(dirname(manifest), 'dist')
  return Promise.all(
    FILES.map(async ({ path, name, type }) => ({
      path,
      type,
      bytes: await readFile(join(folder, name)),
    })),
  )
}

/** Adds `GET /` and the files of the page: a chat for users of this machine. */
export function pageRoutes(server: FastifyInstance, { files, host }: Page): void {
  for (const { path, type, bytes } of files) {
    server.get(path, (request, reply) => {
      refuseForeignName(request.headers.host, host)
      return reply.headers(HEADERS).type(type).send(bytes)
    })
  }
}

/**
 * Refuses DNS rebinding: a foreign name that resolves to this machine must not pass for it. Outside
 * loopback there is TLS, and browsers check the name against the certificate.
 */
function refuseForeignName(header: string | undefined, host: string): void {
  if (isLoopback(nameInHost(header ?? '')) || !isLoopback(host)) return
  throw new HttpError(421, 'The page is served under the name of this machine only')
}
