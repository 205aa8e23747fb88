import { APIConnectionError } from '../errors.js'
import type { HttpSend } from './http-send.js'
import { isLoopback } from './loopback.js'

/** Creates an {@link HttpSend} on `fetch`, by default the platform's: no redirects, cookies, cache or referrer. */
export function fetchSend(given: typeof fetch | undefined): HttpSend {
  return async (url, { method, headers, body, upload, signal }) => {
    // Resolved on each call, so that a global fetch replaced later (tests, tracing) is used.
    const response = await (given ?? fetch)(url, {
      method,
      headers,
      body: (await upload?.toBody?.()) ?? body ?? null,
      // Of a stream: the answer comes after it.
      ...{ duplex: 'half' },
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

function redirected(origin: string): APIConnectionError {
  return new APIConnectionError(
    'ERR_REDIRECT',
    `${origin} answered with a redirect, which is never followed. Use the final address.`,
  )
}
