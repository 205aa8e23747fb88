import type { Dispatcher } from 'undici'
import { unusableAnswerError } from './upstream-error.js'
import { withFirst } from './with-first.js'

/** Answer in parts whose first one has arrived. */
export interface OpenedParts {
  readonly parts: AsyncIterable<Uint8Array>
  /** Ends the connection, unless the answer was read to its end. Can be called repeatedly. */
  close(): void
}

const OK = 200

/**
 * Reads an answer as it comes, and waits for its first part. Reads no further while the caller takes no part,
 * so that the model server waits with it.
 *
 * @throws UpstreamError
 */
export async function openParts(
  { body }: Pick<Dispatcher.ResponseData<unknown>, 'body'>,
  { errorOf }: { readonly errorOf: (error: unknown) => Error },
): Promise<OpenedParts> {
  const close = (): void => {
    body.on('error', () => undefined).destroy()
  }
  try {
    const parts = body.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>
    const first = await parts.next()
    if (first.done === true) throw unusableAnswerError(OK, 'an answer without content')
    return { parts: withFirst(first.value, parts, errorOf), close }
  } catch (error) {
    close()
    throw errorOf(error)
  }
}
