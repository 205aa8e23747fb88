/** One request as it left the page, and its answer. */
export interface Exchange {
  readonly method: string
  readonly url: string
  /** As given to the browser, which adds its own; the API key is masked. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly sent: Excerpt | undefined
  /** Undefined while there is none. */
  readonly answer: { readonly status: number; readonly body: Excerpt } | 'none' | undefined
}

/** How long bytes are, and how they begin, as text. */
export interface Excerpt {
  readonly bytes: number | undefined
  readonly start: string
}

/** Enough to see the members of an envelope and that the rest cannot be read. */
const EXCERPT_BYTES = 1200

/**
 * A `fetch` that shows everything it sends and gets. `onExchange` gets each request when it leaves,
 * and again, under the same number, when its answer is there.
 */
export function recordingFetch(
  onExchange: (number: number, exchange: Exchange) => void,
): typeof fetch {
  let count = 0
  return async (input, init = {}) => {
    const number = ++count
    const request: Exchange = {
      method: init.method ?? 'GET',
      url: new URL(input instanceof Request ? input.url : input, location.href).href,
      headers: [...new Headers(init.headers)].map(masked),
      // Copied now: the client zeroes what it has sent.
      sent: init.body instanceof Uint8Array ? excerpt(init.body, init.body.length) : undefined,
      answer: undefined,
    }
    onExchange(number, request)
    try {
      const response = await fetch(input, init)
      void excerptOf(response.clone()).then((body) => {
        onExchange(number, { ...request, answer: { status: response.status, body } })
      })
      return response
    } catch (error) {
      onExchange(number, { ...request, answer: 'none' })
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

/** How an answer begins; the rest is not read twice. */
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
