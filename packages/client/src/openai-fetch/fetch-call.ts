/** The first argument of `fetch`. */
export type FetchInput = string | URL | Request

/** The relevant parts of a call of `fetch`. */
export interface FetchCall {
  readonly method: string
  readonly url: string
  readonly pathname: string
  readonly headers: HeadersInit | undefined
  readonly body: BodyInit | null
  readonly signal: AbortSignal | undefined
}

/** Normalizes the arguments of `fetch`. Members of `init` win over those of a Request, as there. */
export function readFetchCall(input: FetchInput, init: RequestInit): FetchCall {
  // Not instanceof: a Request may be of a class that an SDK brings along.
  const { url: requested, href = '' } = Object(input) as Partial<Request & URL>
  const request = requested === undefined ? undefined : (input as Request)
  const url = typeof input === 'string' ? input : (requested ?? href)
  return {
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    url,
    pathname: pathnameOf(url),
    headers: init.headers ?? request?.headers,
    body: init.body ?? request?.body ?? null,
    signal: init.signal ?? request?.signal,
  }
}

/** Pages may use addresses without a host, which is ignored anyhow. */
function pathnameOf(url: string): string {
  const base = 'https://unused.invalid'
  return URL.canParse(url, base) ? new URL(url, base).pathname : ''
}
