import {
  encodeRequestParts,
  sealRequest,
  type Field,
  type KeyStatement,
  type SealedRequest,
} from '@nomyo/crypto/wire-2'
import { InvalidRequestError, abortable } from '@nomyo/transport'
import { credentials, type Call } from '../completion/call.js'
import { tooLarge } from '../completion/seal-request.js'
import { maxChunkOf } from './limits.js'
import { sealedHeaders } from './headers.js'
import type { RouteRequest } from './route-request.js'
import type { SealedUpload } from './seal-upload.js'
import type { Wire2Choice } from './selection.js'

/** An encrypted request: its body, or one that is encrypted while it is sent. */
export type SealedRoute = SealedRequest | SealedUpload

/** The first chunk holds the whole head, beside the lengths and the begin of the content. */
const MAX_HEAD_BYTES = 15 * 1024

/**
 * Encrypts a request with its method, path and fields. Its length is hidden by zeros behind it.
 *
 * @throws InvalidRequestError `ERR_ROUTE`, `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`,
 * `ERR_INVALID_OPTION`: nothing is sent
 */
export async function sealRoute(
  choice: Wire2Choice,
  call: Call<RouteRequest>,
): Promise<SealedRoute> {
  const { statement, config: keyConfig, kem } = choice
  const { request, context, signal } = call
  const { method, path, content, sealUpload } = request
  requireRoute(`${method} ${path}`, statement)
  const fields = fieldsOf(call)
  const { host: authority } = context.config.baseUrl
  const head = { method, scheme: 'https', authority, path, fields }
  if (sealUpload) return sealUpload(choice, head, signal)
  // In parts: the content is large, and not copied.
  const message = encodeRequestParts({ ...head, content })
  try {
    const limits = { maxChunk: maxChunkOf(statement) }
    const sealing = sealRequest(kem, keyConfig, message, limits)
    // Its secrets are released also where the caller no longer waits for it.
    const disposeLate = (sealed: SealedRequest): void => {
      if (signal.aborted) sealed.dispose()
    }
    sealing.then(disposeLate, () => undefined)
    const sealed = await abortable(sealing, signal)
    if (sealed.body.length > statement.maxRequest) {
      sealed.dispose()
      throw tooLarge(content.length, statement.maxRequest)
    }
    return sealed
  } finally {
    // The head has the API key; the content is that of other attempts, too.
    if (context.config.secureMemory) message[0]?.fill(0)
  }
}

/** Compares with the routes of a statement, in which `{id}` stands for the name of a model. */
function requireRoute(route: string, { routes }: KeyStatement): void {
  const template = route.replace(/(?<=^GET \/v1\/models\/)[^/]+$/, '{id}')
  if (routes.includes(template)) return
  throw new InvalidRequestError(
    'ERR_ROUTE',
    `Nothing was sent: on wire 2 this gateway offers ${routes.join(', ')}; not ${route}.`,
  )
}

/** The fields in their order, each at most once. */
function fieldsOf(call: Call<RouteRequest>): Field[] {
  const { request, settings } = call
  const { apiKey, headers } = credentials(call)
  const { id, clockOffsetMs = 0 } = settings.progress
  const fields: (readonly [name: string, value: string | undefined])[] = [
    ['date', new Date(Date.now() + clockOffsetMs).toUTCString()],
    ['authorization', apiKey === undefined ? undefined : `Bearer ${apiKey}`],
    ['x-security-tier', request.securityTier],
    ['idempotency-key', id],
    ['content-type', request.contentType],
    ['accept', request.accept],
    ...sealedHeaders({ ...headers, ...request.sealedHeaders }),
  ]
  const given = fields.filter((field): field is Field => field[1] !== undefined)
  const length = given.reduce((sum, [name, value]) => sum + name.length + value.length + 8, 0)
  if (length + request.path.length > MAX_HEAD_BYTES) throw headTooLarge()
  return given
}

const headTooLarge = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    `Nothing was sent: path, API key and headers take more than ${String(MAX_HEAD_BYTES)} bytes.`,
  )
