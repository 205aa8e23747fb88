/** One request as it left the page, and its response. */
export interface RecordedRequest {
  readonly method: string
  readonly url: string
  /** As passed to the browser, which adds its own; the API key is masked. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly sent: Excerpt | undefined
  /** Undefined while it is pending. */
  readonly response: { readonly status: number; readonly body: Excerpt } | 'none' | undefined
}

/** Length of a body, and its beginning as text. */
export interface Excerpt {
  readonly bytes: number | undefined
  readonly start: string
}

/** Enough to see the members of an envelope, and that the rest is unreadable. */
const EXCERPT_BYTES = 1200

/**
 * Creates a `fetch` that reports every request when it is sent, and again, under the same number, with
 * its response.
 */
export function recordingFetch(
  onRequest: (number: number, request: RecordedRequest) => void,
): typeof fetch {
  let count = 0
  return async (input, init = {}) => {
    const number = ++count
    const request: RecordedRequest = {
      method: init.method ?? 'GET',
      url: new URL(input instanceof Request ? input.url : input, location.href).href,
      headers: [...new Headers(init.headers)].map(masked),
      // Copied now: the client zeroes the body after sending.
      sent: init.body instanceof Uint8Array ? excerpt(init.body, init.body.length) : undefined,
      response: undefined,
    }
    onRequest(number, request)
    try {
      const response = await fetch(input, init)
      void excerptOf(response.clone()).then((body) => {
        onRequest(number, { ...request, response: { status: response.status, body } })
      })
      return response
    } catch (error) {
      onRequest(number, { ...request, response: 'none' })
      throw error
    }
  }
}

function masked([name, value]: readonly [string, string]): readonly [string, string] {
  return name === 'authorization' ? [name, 'Bearer •••••••• (your API key)'] : [name, value]
}

function excerpt(bytes: Uint8Array, length: number | undefined): Excerpt {
  return { bytes: length, start: new TextDecoder().decode(bytes.subarray(0, EXCERPT_BYTES)) }
}

/** Reads the beginning of a body; the rest is not read twice. */
async function excerptOf(response: Response): Promise<Excerpt> {
  const length = response.headers.get('content-length')
  const bytes = length === null ? undefined : Number(length)
  try {
    const reader = response.body?.getReader()
    const first = await reader?.read()
    void reader?.cancel()
    return excerpt(first?.value ?? new Uint8Array(), bytes)
  } catch {
    return { bytes, start: '' }
  }
}
