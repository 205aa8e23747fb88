import { abortable } from '@nomyo/transport'
import { tooLarge } from '../completion/seal-request.js'
import { UploadForm, encodeForm } from './form-content.js'
import { onceSource, partsOf, unreadable, type UploadSource } from './upload-source.js'

/** In bytes, of whatever type; key statements name smaller limits. */
const MAX_CONTENT_BYTES = 64 * 1024 * 1024
/** Smaller content is read before it is sent, so that it can be sent again. */
const HELD_BYTES = 1024 * 1024

/** A body of `fetch`, or a form whose files are read when they are sent. */
export type GivenBody = BodyInit | UploadForm | null

/** The content of a request, and its media type where the body knows it. */
export interface ReadContent {
  /** Empty where there is an upload. */
  readonly content: Uint8Array<ArrayBuffer>
  readonly upload?: UploadSource | undefined
  readonly type: string | undefined
}

/** Settings of {@link readContent}. */
export interface ReadContentOptions {
  /** Reads all of it, however large it is. */
  readonly isWhole: boolean
  /** Length of a stream, where its caller knows it. */
  readonly length?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads a body of `fetch`, of whatever kind, up to a limit. A large form, file or stream is left to be read while
 * it is sent.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
 * @throws APIConnectionError `ERR_ABORTED`
 */
export async function readContent(
  body: GivenBody,
  { isWhole, length, signal = new AbortController().signal }: ReadContentOptions,
): Promise<ReadContent> {
  const { source, type } = open(body, length)
  const content = new Uint8Array(0)
  if (source === undefined) return { content, type }
  const isLarge = (source.length ?? 0) > HELD_BYTES
  if (isLarge && !isWhole) return { content, upload: source, type }
  const parts = source.open()[Symbol.asyncIterator]()
  try {
    const read = await abortable(readParts(parts, isWhole ? MAX_CONTENT_BYTES : HELD_BYTES), signal)
    if (read.isComplete) return { content: joined(read), type }
    if (isWhole) throw tooLarge(read.size, MAX_CONTENT_BYTES)
    const rest = resumed(read.parts, parts)
    return { content, upload: onceSource(rest, source.length), type }
  } catch (error) {
    parts.return?.().catch(() => undefined)
    throw error
  }
}

function open(
  body: GivenBody,
  length: number | undefined,
): { readonly source: UploadSource | undefined; readonly type: string | undefined } {
  if (body instanceof FormData) return open(UploadForm.from(body), length)
  if (body instanceof UploadForm) {
    const { type, ...source } = encodeForm(body)
    return { source, type }
  }
  if (body instanceof Blob) {
    const openBlob = (): AsyncIterable<Uint8Array> => partsOf(body.stream())
    const source = { length: body.size, open: openBlob, canRepeat: () => true }
    return { source, type: body.type === '' ? undefined : body.type }
  }
  try {
    // Accepts every kind of body.
    const response = new Response(body)
    const type = response.headers.get('content-type') ?? undefined
    const source = response.body ? onceSource(partsOf(response.body), length) : undefined
    return { source, type }
  } catch {
    throw unreadable()
  }
}

interface ReadParts {
  readonly parts: readonly Uint8Array[]
  readonly size: number
  readonly isComplete: boolean
}

/** Reads parts until they end, or are more than so many bytes. */
async function readParts(
  iterator: AsyncIterator<Uint8Array>,
  maxBytes: number,
): Promise<ReadParts> {
  const parts: Uint8Array[] = []
  let size = 0
  while (size <= maxBytes) {
    const next = await iterator.next()
    if (next.done === true) return { parts, size, isComplete: true }
    parts.push(next.value)
    size += next.value.length
  }
  return { parts, size, isComplete: false }
}

function joined({ parts, size }: ReadParts): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    content.set(part, at)
    at += part.length
  }
  return content
}

async function* resumed(
  read: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* read
    for (;;) {
      const next = await rest.next()
      if (next.done === true) return
      yield next.value
    }
  } finally {
    rest.return?.().catch(() => undefined)
  }
}
