import { abortable } from './deadline.js'
import { endpointUrl } from './endpoint.js'
import { APIConnectionError } from './errors.js'
import type { HttpSend, HttpSendResponse } from './http-send.js'
import { fetchSend } from './fetch-send.js'
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
  /** Takes the place of `fetch`: `createUndiciFetch` gives one. */
  readonly send?: HttpSend | undefined
}

/**
 * Sends requests with the platform's `fetch`, or what is given in its place: no redirects, no cookies,
 * no cache, no referrer, and every body read against a limit.
 */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const send = options.send ?? fetchSend(options.fetch)
  return { send: (request) => sendOverHttp(send, options.baseUrl, request) }
}

async function sendOverHttp(
  send: HttpSend,
  baseUrl: URL,
  request: TransportRequest,
): Promise<TransportResponse> {
  const { path, maxResponseBytes, ...asked } = request
  const { signal } = asked
  try {
    // `send` might open a connection first.
    signal.throwIfAborted()
    const answer = await abortable(send(endpointUrl(baseUrl, path), asked), signal)
    const { status } = answer
    return {
      status,
      header: (name) => answer.header(name),
      body:
        status === 200
          ? await readLimited(answer, maxResponseBytes, signal)
          : await readErrorBody(answer, signal),
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof APIConnectionError) throw error
    throw networkError(error, baseUrl)
  }
}

/** What a server says beside an error is a courtesy: too much or broken, it counts as nothing said. */
async function readErrorBody(
  answer: HttpSendResponse,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readLimited(answer, MAX_ERROR_BODY_BYTES, signal)
  } catch (error) {
    if (signal.aborted) throw error
    return new Uint8Array()
  }
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
