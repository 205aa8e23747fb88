import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { checkArgument } from '../check-argument.js'
import { APIConnectionError } from '../errors.js'
import type { HttpSend, HttpSendRequest } from '../http/http-send.js'
import { uncompressed } from './compression.js'
import { dispatchSend } from './dispatch.js'
import { toResponse } from './response.js'

/** Options of {@link createUndiciFetch}. */
export interface UndiciFetchOptions {
  /** Replaces the dispatcher of undici (an agent, a proxy, a mock). It is not closed here. */
  dispatcher?: Dispatcher
  /** Certificate authorities, as PEM, that replace the platform's. */
  ca?: string | readonly string[]
}

/** A `fetch` with its own connections. */
export interface UndiciFetch {
  readonly fetch: typeof fetch
  /**
   * The same without a `Response`, which is faster: for `createHttpTransport`. Undefined under Bun, whose
   * undici lacks the API for it.
   */
  readonly send: HttpSend | undefined
  /** Closes idle connections, and others after their requests. Safe to call twice. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 30_000
/** Connections stay open between calls, unless the server announces a shorter time. */
const KEEP_ALIVE_MS = 60_000
const PROXIES = ['http_proxy', 'https_proxy']
/** This machine, as the host of a parsed URL names it; `0.0.0.0` and `::` reach it, too. */
const LOOPBACK =
  /^(?:(?:.+\.)?localhost\.?|127\.[\d.]+|0\.0\.0\.0|\[::(?:1|ffff:7f[\da-f]{2}:[\da-f]+)?\])$/

/**
 * Creates a `fetch` for Node on undici: connections are kept alive, proxies come from the environment at
 * the first request (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`) but for this machine itself, which is always
 * connected to directly, and undici's own limits on waiting for
 * headers and body are off, so that the deadline of the request is the only one.
 *
 * It supports what `createHttpTransport` needs and no more: headers as a record, a body of bytes, no
 * redirects, no compression. In return it does not copy bodies, which undici's own `fetch` copies three
 * times.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @example
 * ```ts
 * import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
 * import { createUndiciFetch } from '@nomyo/transport/undici'
 *
 * const { send, close } = createUndiciFetch()
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://gateway.example'), send })
 * console.log(typeof transport.send)
 * await close()
 * ```
 */
export function createUndiciFetch(options: UndiciFetchOptions = {}): UndiciFetch {
  const { ca = [], dispatcher: given } = Object(options) as UndiciFetchOptions
  checkArgument(
    [ca].flat().every((pem) => typeof pem === 'string'),
    'ca',
    'PEM',
  )
  checkArgument(given === undefined || 'dispatch' in Object(given), 'dispatcher', 'one of undici')
  // Created with the first request, so that constructing a client does not wait for it.
  const own: (Dispatcher | undefined)[] = []
  let closing: Promise<unknown> | undefined
  const dispatcher = (url: string | URL): Dispatcher => {
    if (options.dispatcher !== undefined) return options.dispatcher
    if (closing !== undefined)
      throw new APIConnectionError('ERR_NETWORK', 'The connections are closed.')
    const isProxied = mayBeProxied(url)
    return (own[Number(isProxied)] ??= ownDispatcher(options.ca, isProxied))
  }
  const ask = async (
    url: string | URL,
    asked: Partial<HttpSendRequest> = {},
  ): Promise<Response> => {
    const answer = await request(url, {
      dispatcher: dispatcher(url),
      method: asked.method ?? 'GET',
      headers: uncompressed(asked.headers),
      body: asked.body ?? null,
      signal: asked.signal ?? null,
    })
    return toResponse(answer)
  }
  return {
    fetch: ask as unknown as typeof fetch,
    send: canDispatch()
      ? async (url, asked) => dispatchSend(dispatcher(url), url, asked)
      : undefined,
    async close() {
      await (closing ??= Promise.all(own.map(async (one) => closeOwn(one))))
    },
  }
}

/** Bun replaces undici's agents by stubs without `dispatch`. */
const canDispatch = (): boolean => 'dispatch' in EnvHttpProxyAgent.prototype
const closeOwn = (dispatcher: Partial<Dispatcher> | undefined): Promise<void> | undefined =>
  dispatcher?.close?.()

/** A proxy would see what is meant for this machine alone, and could answer it. */
function mayBeProxied(url: string | URL): boolean {
  const isProxied = PROXIES.some((name) => process.env[name] ?? process.env[name.toUpperCase()])
  return isProxied && !LOOPBACK.test(new URL(url).hostname)
}

function ownDispatcher(ca: string | readonly string[] | undefined, isProxied: boolean): Dispatcher {
  const tls = ca === undefined ? {} : { ca: [ca].flat() }
  // The one with proxies reads the environment for each request.
  return new (isProxied ? EnvHttpProxyAgent : Agent)({
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
    requestTls: tls,
  })
}
