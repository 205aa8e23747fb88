import { InvalidRequestError } from '@nomyo/transport'

/** Content that is read while it is sent. */
export interface UploadSource {
  /** In bytes, where it is known. */
  readonly length: number | undefined
  /** Begins to read it. Another length than {@link length} is an error. */
  readonly open: () => AsyncIterable<Uint8Array>
  /** False once it was read and cannot be read again. */
  readonly canRepeat: () => boolean
}

/** Anything that bytes can be read from. */
export type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * Reads bytes in parts.
 *
 * @throws InvalidRequestError `ERR_INVALID_REQUEST` for what cannot be read, or is no bytes
 */
export async function* partsOf(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    // Not every browser iterates over a stream.
    const parts = 'getReader' in source ? partsOfStream(source) : source
    for await (const part of parts as AsyncIterable<unknown>) {
      // A stream may hold anything, of which fetch of the platform takes bytes alone.
      if (!(part instanceof Uint8Array)) throw unreadable()
      if (part.length > 0) yield part
    }
  } catch (error) {
    // The error of a source may quote it.
    throw error instanceof InvalidRequestError ? error : unreadable()
  }
}

async function* partsOfStream(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  let isOver = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isOver = done
      if (done) return
      yield value
    }
  } finally {
    if (!isOver) reader.cancel().catch(() => undefined)
  }
}

/** Creates the source of content that can be read once. */
export function onceSource(
  parts: AsyncIterable<Uint8Array>,
  length: number | undefined,
): UploadSource {
  let isRead = false
  return {
    length,
    open: () => {
      isRead = true
      return parts
    },
    canRepeat: () => !isRead,
  }
}

/** Builds the error for a body that cannot be read. */
export const unreadable = (): InvalidRequestError =>
  new InvalidRequestError(
    'ERR_INVALID_REQUEST',
    'The body of the request could not be read. It was read before, or contains more than bytes.',
  )
