import { ReadableStream } from 'node:stream/web'
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { APIConnectionError } from '../errors.js'

/** How connections are made. */
export interface UndiciFetchOptions {
  /** Another dispatcher of undici's (an agent, a proxy, a mock). It is not closed here. */
  dispatcher?: Dispatcher
  /** Certificate authorities to trust instead of the platform's, as PEM. */
  ca?: string | readonly string[]
}

/** A `fetch` with connections of its own. */
export interface UndiciFetch {
  readonly fetch: typeof fetch
  /** Closes idle connections, and others once their requests are over. Safe to call twice. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 30_000
/** Kept open between calls; a server that says otherwise is believed. */
const KEEP_ALIVE_MS = 60_000

/** What {@link UndiciFetch.fetch} takes of the standard's options. */
interface Options {
  readonly method?: Dispatcher.HttpMethod
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
}

/**
 * Makes a `fetch` for Node on undici: connections are kept alive, proxies are taken from the
 * environment (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`), and undici's own limits on waiting for
 * headers and body are off, so that the deadline of the request is the only one.
 *
 * It does what `createHttpTransport` asks of it and no more: headers as a record, a body of bytes, no
 * redirects, no compression. In exchange bodies are sent as they are: undici's own `fetch` copies them
 * three times.
 */
export function createUndiciFetch(options: UndiciFetchOptions = {}): UndiciFetch {
  const dispatcher = options.dispatcher ?? ownDispatcher(options.ca)
  const send = async (url: string | URL, init: Options = {}): Promise<Response> => {
    const { method = 'GET', headers, body, signal } = init
    const answer = await request(url, {
      dispatcher,
      method,
      headers: { 'accept-encoding': 'identity', ...headers },
      body: body ?? null,
      ...(signal === undefined ? {} : { signal }),
    })
    return toResponse(answer)
  }
  let closing: Promise<void> | undefined
  return {
    fetch: send as unknown as typeof fetch,
    close: () =>
      options.dispatcher === undefined ? (closing ??= closeOwn(dispatcher)) : Promise.resolve(),
  }
}

/** Statuses that come without a body, and whose `Response` may have none. */
const NO_BODY = new Set([204, 205, 304])

function toResponse({ statusCode, headers, body }: Dispatcher.ResponseData): Response {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one): [string, string] => [name, one]),
  )
  const isCompressed = (headers['content-encoding'] ?? 'identity') !== 'identity'
  const hasBody = !NO_BODY.has(statusCode)
  if (isCompressed) body.destroy()
  else if (!hasBody) body.resume()
  // Not by `Readable.toWeb`, which throws outside of everything when it is cancelled at its end.
  const stream = hasBody ? ReadableStream.from(isCompressed ? refusal() : body) : null
  return new Response(stream as unknown as BodyInit, { status: statusCode, headers: fields })
}

/** In the place of a body: whoever reads it learns why there is none. */
// eslint-disable-next-line require-yield, @typescript-eslint/require-await -- it gives nothing
async function* refusal(): AsyncGenerator<Uint8Array> {
  throw new APIConnectionError(
    'ERR_NETWORK',
    'The answer came compressed, which was not asked for. Turn compression off on the way to the gateway.',
  )
}

/** Bun puts a stand-in in the place of undici's agents, which has nothing to close. */
async function closeOwn(dispatcher: Partial<Dispatcher>): Promise<void> {
  await dispatcher.close?.()
}

function ownDispatcher(ca: string | readonly string[] | undefined): Dispatcher {
  const tls = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }
  return new EnvHttpProxyAgent({
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
    requestTls: tls,
  })
}
