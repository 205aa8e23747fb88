import { APIConnectionError } from '../errors.js'
import type { RequestUpload } from '../transport.js'
import type { HttpSend } from './http-send.js'
import { isLoopback } from './loopback.js'

/** Creates an {@link HttpSend} on `fetch`, by default the platform's: no redirects, cookies, cache or referrer. */
export function fetchSend(given: typeof fetch | undefined): HttpSend {
  return async (url, { method, headers, body, upload, signal }) => {
    const streamed = upload && (await uploadBody(upload))
    // Resolved on each call, so that a global fetch replaced later (tests, tracing) is used.
    const response = await (given ?? fetch)(url, {
      method,
      headers,
      body: streamed ?? body ?? null,
      // Of a stream: the answer comes after it.
      ...(streamed instanceof ReadableStream && { duplex: 'half' }),
      signal,
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
      referrerPolicy: 'no-referrer',
      // Bun's own; other runtimes ignore it.
      ...(isLoopback(url) && { proxy: false }),
    })
    if (response.type === 'opaqueredirect') throw redirected(new URL(url).origin)
    const reader = response.body?.getReader()
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      async read(take) {
        for (;;) {
          const part = await reader?.read()
          if (part === undefined || part.done) return
          await take(part.value)
        }
      },
      cancel: () => void reader?.cancel().catch(() => undefined),
    }
  }
}

/**
 * Creates the body of an upload: a stream, or a `Blob` in browsers, which send streams over HTTP/2 at best. They
 * keep a large one in a file.
 */
async function uploadBody({ parts }: RequestUpload): Promise<ReadableStream<Uint8Array> | Blob> {
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

function redirected(origin: string): APIConnectionError {
  return new APIConnectionError(
    'ERR_REDIRECT',
    `${origin} answered with a redirect, which is never followed. Use the final address.`,
  )
}
