import { InvalidRequestError, abortable } from '@nomyo/transport'
import { tooLarge } from '../completion/seal-request.js'

/** In bytes, of whatever type; key statements name smaller limits. */
const MAX_CONTENT_BYTES = 64 * 1024 * 1024

/** The content of a request, and its media type where the body knows it. */
export interface ReadContent {
  readonly content: Uint8Array<ArrayBuffer>
  readonly type: string | undefined
}

/**
 * Reads a body of `fetch`, of whatever kind, up to a limit.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST`, `ERR_REQUEST_TOO_LARGE`
 * @throws APIConnectionError `ERR_ABORTED`
 */
export async function readContent(
  body: BodyInit | null,
  signal: AbortSignal = new AbortController().signal,
): Promise<ReadContent> {
  const { reader, type } = open(body)
  const content = new Uint8Array(0)
  if (reader === undefined) return { content, type }
  try {
    return { content: await abortable(readAll(reader), signal), type }
  } catch (error) {
    reader.cancel().catch(() => undefined)
    if (signal.aborted || error instanceof InvalidRequestError) throw error
    throw unreadable()
  }
}

function open(body: BodyInit | null): {
  readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly type: string | undefined
} {
  try {
    // Accepts every kind of body.
    const response = new Response(body instanceof FormData ? modelFirst(body) : body)
    const type = response.headers.get('content-type') ?? undefined
    return { reader: response.body?.getReader(), type }
  } catch {
    throw unreadable()
  }
}

/** Moves the name of the model to the begin of a form: a gateway reads it before a file arrives. */
function modelFirst(form: FormData): FormData {
  const sorted = new FormData()
  const entries = [...form.entries()]
  const isModel = ([name]: readonly [string, FormDataEntryValue]): boolean => name === 'model'
  for (const [name, value] of [
    ...entries.filter(isModel),
    ...entries.filter((entry) => !isModel(entry)),
  ]) {
    sorted.append(name, value as string)
  }
  return sorted
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    // A stream may hold anything, of which fetch of the platform takes bytes alone.
    if (!((value as unknown) instanceof Uint8Array)) throw unreadable()
    size += value.length
    if (size > MAX_CONTENT_BYTES) throw tooLarge(size, MAX_CONTENT_BYTES)
    parts.push(value)
  }
  const content = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    content.set(part, at)
    at += part.length
  }
  return content
}

const unreadable = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    'Nothing was sent: the body could not be read. It was read before, or contains more than bytes.',
  )
