import {
  encodeRequestParts,
  sealRequest,
  type Field,
  type SealedRequest,
} from '@nomyo/crypto/wire-2'
import { InvalidRequestError, abortable } from '@nomyo/transport'
import { credentials, type Call } from '../completion/call.js'
import { tooLarge } from '../completion/seal-request.js'
import { maxChunkOf } from './limits.js'
import { sealedHeaders } from './headers.js'
import type { Wire2Choice } from './selection.js'

const METHOD = 'POST'
const PATH = '/v1/chat/completions'
/** The first chunk holds the whole head, beside the lengths and the begin of the content. */
const MAX_HEAD_BYTES = 15 * 1024
const CLOSING_BRACE = 0x7d

/**
 * Encrypts a request with its method, path and fields. Its length is hidden by zeros behind it.
 *
 * @throws InvalidRequestError `ERR_ROUTE`, `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`,
 * `ERR_INVALID_OPTION`: nothing is sent
 */
export async function sealCompletion(
  { statement, config: keyConfig, kem }: Wire2Choice,
  call: Call,
): Promise<SealedRequest> {
  const { request, context, signal } = call
  if (!statement.routes.includes(`${METHOD} ${PATH}`)) throw noRoute()
  const { payload } = request
  const fields = fieldsOf(call)
  // White space that hides the length on wire 1 would be padded once more.
  const content = payload.subarray(0, payload.lastIndexOf(CLOSING_BRACE) + 1)
  const { host } = context.config.baseUrl
  // In parts: the content is large, and not copied.
  const message = encodeRequestParts({
    method: METHOD,
    scheme: 'https',
    authority: host,
    path: PATH,
    fields,
    content,
  })
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

/** The fields in their order, each at most once. */
function fieldsOf(call: Call): Field[] {
  const { request, settings } = call
  const { apiKey, headers } = credentials(call)
  const { id, clockOffsetMs = 0 } = settings.progress
  const fields: (readonly [name: string, value: string | undefined])[] = [
    ['date', new Date(Date.now() + clockOffsetMs).toUTCString()],
    ['authorization', apiKey === undefined ? undefined : `Bearer ${apiKey}`],
    ['x-security-tier', request.securityTier],
    ['idempotency-key', id],
    ['content-type', 'application/json'],
    ['accept', 'application/json'],
    ...sealedHeaders(headers),
  ]
  const given = fields.filter((field): field is Field => field[1] !== undefined)
  const length = given.reduce((sum, [name, value]) => sum + name.length + value.length + 8, 0)
  if (length > MAX_HEAD_BYTES) throw headTooLarge()
  return given
}

const noRoute = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_ROUTE',
    'Nothing was sent: this gateway offers no chat completions on wire 2.',
  )

const headTooLarge = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    `Nothing was sent: API key and headers take more than ${String(MAX_HEAD_BYTES)} bytes.`,
  )
