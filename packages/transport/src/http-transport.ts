import { endpointUrl } from './endpoint.js'
import { APIConnectionError } from './errors.js'
import { abortable } from './deadline.js'
import { readLimited } from './response.js'
import type { Transport, TransportRequest, TransportResponse } from './transport.js'

/** Error bodies are small; more is an attempt to fill memory. */
const MAX_ERROR_BODY_BYTES = 64 * 1024

/** How to reach a gateway over HTTP. */
export interface HttpTransportOptions {
  /** As {@link parseBaseUrl} gives it. */
  readonly baseUrl: URL
  /** Another `fetch` than the platform's. */
  readonly fetch?: typeof fetch
}

/**
 * Sends requests with the platform's `fetch`: no redirects, no cookies, no cache, no referrer, and
 * every body read against a limit.
 */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  // Called through the global each time, so that a fetch replaced later (tests, tracing) is used.
  const send = options.fetch ?? ((...parameters: Parameters<typeof fetch>) => fetch(...parameters))
  return {
    send: (request) => sendOverHttp(send, options.baseUrl, request),
    close: () => Promise.resolve(),
  }
}

async function sendOverHttp(
  send: typeof fetch,
  baseUrl: URL,
  request: TransportRequest,
): Promise<TransportResponse> {
  const { method, headers, body, signal, maxResponseBytes } = request
  try {
    const response = await abortable(
      send(endpointUrl(baseUrl, request.path), {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        signal,
        redirect: 'manual',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
      }),
      signal,
    )
    if (response.type === 'opaqueredirect') throw redirected(baseUrl)
    return {
      status: response.status,
      header: (name) => response.headers.get(name) ?? undefined,
      body:
        response.status === 200
          ? await readLimited(response, maxResponseBytes, signal)
          : await readErrorBody(response, signal),
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof APIConnectionError) throw error
    throw networkError(error, baseUrl)
  }
}

/** What a server says beside an error is a courtesy: too much or broken, it counts as nothing said. */
async function readErrorBody(
  response: Response,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readLimited(response, MAX_ERROR_BODY_BYTES, signal)
  } catch (error) {
    if (signal.aborted) throw error
    return new Uint8Array()
  }
}

function redirected(baseUrl: URL): APIConnectionError {
  return new APIConnectionError(
    'ERR_REDIRECT',
    `${baseUrl.origin} answered with a redirect, which is never followed. Use the final address as baseUrl.`,
  )
}

function networkError(error: unknown, baseUrl: URL): APIConnectionError {
  // Only the system's short name goes on: whole errors may hold headers or bodies.
  const reason = systemCode(error)
  return new APIConnectionError(
    'ERR_NETWORK',
    `The connection to ${baseUrl.origin} failed${reason === undefined ? '' : ` (${reason})`}. ` +
      'Check that the address is right and the gateway is running.',
  )
}

/** The `code` of an error or of what caused it, if it looks like one. */
function systemCode(error: unknown): string | undefined {
  for (const candidate of [error, error instanceof Error ? error.cause : undefined]) {
    if (typeof candidate !== 'object' || candidate === null || !('code' in candidate)) continue
    if (typeof candidate.code === 'string' && /^[A-Z_0-9]{1,40}$/.test(candidate.code)) {
      return candidate.code
    }
  }
  return undefined
}
