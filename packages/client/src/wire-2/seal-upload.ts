import {
  createStreamedRequest,
  sealRequestParts,
  type RequestHead,
  type SealedRequestParts,
} from '@nomyo/crypto/wire-2'
import { InvalidRequestError, type RequestUpload } from '@nomyo/transport'
import type { UploadSource } from '../fetch/upload-source.js'
import { maxChunkOf } from './limits.js'
import type { Wire2Choice } from './selection.js'

/** An encrypted request whose body is encrypted while it is sent. */
export interface SealedUpload extends Omit<SealedRequestParts, 'body' | 'byteLength'> {
  readonly upload: RequestUpload
}

/**
 * Encrypts a request whose content is read while it is sent.
 *
 * @throws InvalidRequestError `ERR_REQUEST_TOO_LARGE`: nothing is sent. Where the length is unknown, the body
 * fails with it, and with `ERR_INVALID_REQUEST` for content of another length than it says
 */
export async function sealUpload(
  { statement, config, kem }: Pick<Wire2Choice, 'statement' | 'config' | 'kem'>,
  head: RequestHead,
  source: UploadSource,
  signal: AbortSignal,
): Promise<SealedUpload> {
  const { maxRequest, maxUpload = maxRequest } = statement
  const { length } = source
  if (length !== undefined && length > maxUpload) throw tooLarge(length, maxUpload)
  const message = createStreamedRequest(head, length)

  async function* parts(): AsyncGenerator<readonly Uint8Array[], void, undefined> {
    yield [message.head]
    let size = 0
    for await (const part of source.open()) {
      size += part.length
      if (size > (length ?? maxUpload)) {
        throw length === undefined ? tooLarge(size, maxUpload) : wrongLength(length)
      }
      yield message.content(part)
    }
    if (length !== undefined && size !== length) throw wrongLength(length)
    yield [message.end()]
  }
  const maxChunk = maxChunkOf(statement)
  const { body, byteLength, ...sealed } = await sealRequestParts(
    kem,
    config,
    { parts: parts(), length: message.length },
    { maxChunk },
  )
  const isTooLarge = (byteLength ?? 0) > maxUpload
  if (signal.aborted || isTooLarge) sealed.dispose()
  if (isTooLarge) throw tooLarge(byteLength ?? 0, maxUpload)
  signal.throwIfAborted()
  return { ...sealed, upload: { parts: body, byteLength } }
}

const tooLarge = (bytes: number, maxBytes: number): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_REQUEST_TOO_LARGE',
    `The request takes ${String(bytes)} bytes or more; this gateway accepts ${String(maxBytes)}. Split or compress the file.`,
  )

const wrongLength = (length: number): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    `The body of the request has not the length of ${String(length)} bytes that it says.`,
  )
