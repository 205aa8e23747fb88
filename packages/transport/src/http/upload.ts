import { checkArgument } from '../check-argument.js'
import { abortable } from '../deadline.js'
import type { RequestUpload } from '../transport.js'
import type { HttpSend, HttpSendRequest, HttpSendResponse } from './http-send.js'

/**
 * Sends an upload. It ends with its signal, also where the next part does not come.
 *
 * @returns the response, or the error of the source
 */
export async function sendUpload(
  send: HttpSend,
  url: string,
  request: HttpSendRequest,
): Promise<HttpSendResponse | { readonly failure: unknown }> {
  const { signal } = request
  const upload = Object(request.upload) as RequestUpload
  checkArgument(Symbol.asyncIterator in Object(upload.parts), 'upload', 'parts that can be read')
  const failures: { readonly error: unknown }[] = []
  async function* parts(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const iterator = upload.parts[Symbol.asyncIterator]()
    let isOver = false
    try {
      for (;;) {
        const next = await abortable(iterator.next(), signal).catch((error: unknown) => {
          isOver = !signal.aborted
          failures.push({ error })
          throw error
        })
        isOver = next.done === true
        if (next.done === true) return
        yield next.value
      }
    } finally {
      // Not awaited: it might wait for the part that does not come.
      if (!isOver) iterator.return?.().catch(() => undefined)
    }
  }
  try {
    const watched = parts()
    const toBody = (): ReturnType<typeof uploadBody> => uploadBody(watched)
    const sent = { ...request, upload: { ...upload, parts: watched, toBody } }
    return await abortable(send(url, sent), signal)
  } catch (error) {
    const [failure] = failures
    if (failure === undefined || signal.aborted) throw error
    return { failure: failure.error }
  }
}

/**
 * Creates the body of an upload for `fetch`: a stream, or a `Blob` in browsers, which send streams over HTTP/2 at
 * best. They keep a large one in a file.
 */
async function uploadBody(
  parts: RequestUpload['parts'],
): Promise<ReadableStream<Uint8Array> | Blob> {
  if (isBrowser()) {
    const blobs: Blob[] = []
    // A part of its own each, so that the parts can be freed.
    for await (const part of parts) blobs.push(new Blob([part]))
    return new Blob(blobs)
  }
  const iterator = parts[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next()
        if (next.done === true) controller.close()
        else controller.enqueue(next.value)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Every browser calls itself so; other runtimes do not. */
const isBrowser = (): boolean =>
  (globalThis.navigator as Navigator | undefined)?.userAgent.startsWith('Mozilla') === true
