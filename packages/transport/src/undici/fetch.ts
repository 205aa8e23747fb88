import { EnvHttpProxyAgent, fetch as undiciFetch, type Dispatcher } from 'undici'

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

/**
 * Makes a `fetch` for Node on undici: connections are kept alive, proxies are taken from the
 * environment (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`), and undici's own limits on waiting for
 * headers and body are off, so that the deadline of the request is the only one.
 */
export function createUndiciFetch(options: UndiciFetchOptions = {}): UndiciFetch {
  const dispatcher = options.dispatcher ?? ownDispatcher(options.ca)
  const send = (input: unknown, init: object = {}): Promise<unknown> =>
    undiciFetch(input as Parameters<typeof undiciFetch>[0], { ...init, dispatcher })
  let closing: Promise<void> | undefined
  return {
    // undici's fetch is the platform's, in a version of its own: the types differ in name only.
    fetch: send as unknown as typeof fetch,
    close: () =>
      options.dispatcher === undefined ? (closing ??= closeOwn(dispatcher)) : Promise.resolve(),
  }
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
