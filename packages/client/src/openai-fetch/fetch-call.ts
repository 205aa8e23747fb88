/** What `fetch` takes. */
export type FetchInput = string | URL | Request

/** The parts of a call of `fetch` that matter here. */
export interface FetchCall {
  readonly method: string
  readonly pathname: string
  readonly headers: HeadersInit | undefined
  readonly body: BodyInit | null
  readonly signal: AbortSignal | undefined
}

/** Brings the ways to call `fetch` into one form. What `init` names wins over a Request, as there. */
export function readFetchCall(input: FetchInput, init: RequestInit): FetchCall {
  // Not instanceof: a Request may be of a class an SDK brought along.
  const request = typeof input === 'object' && 'url' in input ? input : undefined
  const url = typeof input === 'string' ? input : 'url' in input ? input.url : input.href
  return {
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    pathname: pathnameOf(url),
    headers: init.headers ?? request?.headers,
    body: init.body ?? request?.body ?? null,
    signal: init.signal ?? request?.signal,
  }
}

/** Pages may use addresses without a host. It plays no part anyhow: nothing is sent there. */
function pathnameOf(url: string): string {
  const base = 'https://unused.invalid'
  return URL.canParse(url, base) ? new URL(url, base).pathname : ''
}

/** Whether a call is the one that is served. */
export function isChatCompletions({ method, pathname }: FetchCall): boolean {
  return method === 'POST' && pathname.endsWith('/chat/completions')
}
