import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import type { HttpSend, HttpSendRequest } from '../http-send.js'
import { uncompressed } from './compression.js'
import { dispatchSend } from './dispatch.js'
import { toResponse } from './response.js'

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
  /**
   * The same without a `Response` around every answer, which is quicker: for `createHttpTransport`.
   * Nothing under Bun, whose undici has none of what it takes.
   */
  readonly send: HttpSend | undefined
  /** Closes idle connections, and others once their requests are over. Safe to call twice. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 30_000
/** Kept open between calls; a server that says otherwise is believed. */
const KEEP_ALIVE_MS = 60_000
const PROXIES = ['http_proxy', 'https_proxy']

/**
 * Makes a `fetch` for Node on undici: connections are kept alive, proxies are taken from the
 * environment of the first request (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`), and undici's own limits on waiting for
 * headers and body are off, so that the deadline of the request is the only one.
 *
 * It does what `createHttpTransport` asks of it and no more: headers as a record, a body of bytes, no
 * redirects, no compression. In return bodies are sent as they are: undici's own `fetch` copies them
 * three times.
 */
export function createUndiciFetch(options: UndiciFetchOptions = {}): UndiciFetch {
  // Made with the first request: whoever makes a client need not wait for it.
  let own: Dispatcher | undefined
  const dispatcher = (): Dispatcher => options.dispatcher ?? (own ??= ownDispatcher(options.ca))
  const ask = async (
    url: string | URL,
    asked: Partial<HttpSendRequest> = {},
  ): Promise<Response> => {
    const answer = await request(url, {
      dispatcher: dispatcher(),
      method: asked.method ?? 'GET',
      headers: uncompressed(asked.headers),
      body: asked.body ?? null,
      signal: asked.signal ?? null,
    })
    return toResponse(answer)
  }
  let closing: Promise<void> | undefined
  return {
    fetch: ask as unknown as typeof fetch,
    send: canDispatch() ? (url, asked) => dispatchSend(dispatcher, url, asked) : undefined,
    async close() {
      if (options.dispatcher === undefined) await (closing ??= closeOwn(dispatcher()))
    },
  }
}

/** Bun puts a stand-in in the place of undici's agents, which can do nothing of this. */
const canDispatch = (): boolean => 'dispatch' in EnvHttpProxyAgent.prototype
const closeOwn = (dispatcher: Partial<Dispatcher>): Promise<void> | undefined =>
  dispatcher.close?.()

function ownDispatcher(ca: string | readonly string[] | undefined): Dispatcher {
  const tls = ca === undefined ? {} : { ca: [ca].flat() }
  // The one with proxies reads the environment again for each request.
  const isProxied = PROXIES.some((name) => process.env[name] ?? process.env[name.toUpperCase()])
  return new (isProxied ? EnvHttpProxyAgent : Agent)({
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
    requestTls: tls,
  })
}
