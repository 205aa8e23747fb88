import type { Dispatcher, Pool } from 'undici'
// The whole of undici takes three times as long to load. Its version is an exact one.
import Agent from 'undici/lib/dispatcher/agent.js'
import { checkArgument, checkObject } from '../check-argument.js'
import { APIConnectionError } from '../errors.js'
import { fetchSend } from '../http/fetch-send.js'
import type { HttpSend, HttpSendRequest } from '../http/http-send.js'
import { isLoopback } from '../http/loopback.js'
import { dispatchSend, type DispatchedResponse } from './dispatch.js'
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
  /** The same without a `Response`, which is faster: for `createHttpTransport`. */
  readonly send: HttpSend
  /** Closes idle connections, and others after their requests. Safe to call twice. */
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 30_000
/** Connections stay open between calls, unless the server announces a shorter time. */
const KEEP_ALIVE_MS = 60_000
const PROXIES = ['http_proxy', 'https_proxy']

/**
 * Creates a `fetch` for Node on undici: connections are kept alive, proxies come from the environment at
 * the first request (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`) but for this machine itself, which is always
 * connected to directly, and undici's own limits on waiting for headers and body are off, so that the
 * deadline of the request is the only one. Under Bun, which has no undici, both are the platform's `fetch`.
 *
 * It supports what `createHttpTransport` needs and no more: headers as a record, a body of bytes or a stream, no
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
  checkObject(options, 'options')
  const { ca, dispatcher: given } = options
  checkArgument(
    [ca ?? []].flat().every((pem) => typeof pem === 'string'),
    'ca',
    'PEM',
  )
  checkArgument(given === undefined || 'dispatch' in Object(given), 'dispatcher', 'one of undici')
  const tls = ca === undefined ? {} : { ca: [ca].flat() }
  // Created with the first request, so that constructing a client does not wait for it.
  const own: (Promise<Dispatcher> | undefined)[] = []
  let closing: Promise<unknown> | undefined
  const dispatcher = async (url: string): Promise<Dispatcher> => {
    if (given !== undefined) return given
    if (closing !== undefined) {
      throw new APIConnectionError('ERR_NETWORK', 'The connections are closed.')
    }
    const isProxied = mayBeProxied(url)
    const making = (own[Number(isProxied)] ??= ownDispatcher(tls, isProxied))
    // The environment may name a valid proxy later.
    return making.catch((error: unknown) => {
      own[Number(isProxied)] = undefined
      throw error
    })
  }
  const send = async (url: string, asked: HttpSendRequest): Promise<DispatchedResponse> => {
    const agent = await dispatcher(url)
    asked.signal.throwIfAborted()
    return dispatchSend(agent, url, asked)
  }
  const close = async (): Promise<void> => {
    const closeOne = async (making: (typeof own)[number]): Promise<void> =>
      (await making?.catch(() => undefined))?.close()
    await (closing ??= Promise.all(own.map(closeOne)))
  }
  if (canDispatch()) return { fetch: fetchOver(send), send, close }
  const platformFetch = platformFetchWith(tls)
  return { fetch: platformFetch, send: fetchSend(platformFetch), close }
}

/** Bun has a `fetch` of its own, and stubs in place of undici. */
const canDispatch = (): boolean => !('bun' in process.versions)

/** The platform's `fetch` with TLS options, as Bun's takes them. */
const platformFetchWith =
  (tls: object): typeof fetch =>
  (input, init) =>
    fetch(input, { ...init, tls } as RequestInit)

/** Properties of a `fetch`. */
type FetchedRequest = Partial<Omit<HttpSendRequest, 'body' | 'upload'>> & {
  readonly body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null
}

/** Makes a `fetch` of a function that sends. */
function fetchOver(
  send: (url: string, request: HttpSendRequest) => Promise<DispatchedResponse>,
): typeof fetch {
  const ask = async (
    url: string | URL,
    { method = 'GET', headers = {}, body, signal }: FetchedRequest = {},
  ): Promise<Response> => {
    const request = { method, headers, signal: signal ?? new AbortController().signal }
    if (!body) return toResponse(await send(String(url), request))
    // In Node a stream can be iterated over.
    const sent = body instanceof ReadableStream ? { upload: { parts: body as never } } : { body }
    return toResponse(await send(String(url), { ...request, ...sent }))
  }
  return ask as unknown as typeof fetch
}

function mayBeProxied(url: string): boolean {
  const isProxied = PROXIES.some((name) => process.env[name] ?? process.env[name.toUpperCase()])
  return isProxied && !isLoopback(url)
}

async function ownDispatcher(tls: { ca?: string[] }, isProxied: boolean): Promise<Dispatcher> {
  const options = {
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...tls },
  }
  if (!isProxied) return new Agent(options)
  const { EnvHttpProxyAgent, Pool } = await import('undici')
  const clientFactory = (origin: URL, settings: object): Dispatcher =>
    connectionsToProxy(new Pool(origin, settings))
  // It reads the environment for each request.
  return new EnvHttpProxyAgent({ ...options, requestTls: tls, clientFactory })
}

/**
 * Opens connections to a proxy. Where one breaks off in place of a tunnel, undici would connect again, at
 * once and without end: with an error that is not its own, it ends the request.
 */
function connectionsToProxy(pool: Pool): Dispatcher {
  const connect = pool.connect.bind(pool)
  return Object.assign(pool, {
    connect: async (request: Dispatcher.ConnectOptions) => {
      try {
        return await connect(request)
      } catch (error) {
        throw new Error('The proxy opened no tunnel.', { cause: error })
      }
    },
  })
}
