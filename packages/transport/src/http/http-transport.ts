import {
  checkArgument,
  checkFunction,
  checkObject,
  checkSignal,
  isAmount,
} from '../check-argument.js'
import { abortable } from '../deadline.js'
import { endpointUrl } from '../endpoint.js'
import { APIConnectionError } from '../errors.js'
import type { HttpSend, HttpSendResponse } from './http-send.js'
import { fetchSend } from './fetch-send.js'
import { readLimited, readParts } from './read-limited.js'
import type { StreamedResponse, Transport, TransportRequest } from '../transport.js'

/** Error bodies are small; a larger one is an attempt to fill memory. */
const MAX_ERROR_BODY_BYTES = 64 * 1024

/** Options of {@link createHttpTransport}. */
export interface HttpTransportOptions {
  /** A URL of {@link parseBaseUrl}. */
  readonly baseUrl: URL
  /** Replaces the platform's `fetch`. */
  readonly fetch?: typeof fetch
  /** Replaces `fetch`; `createUndiciFetch` has one. */
  readonly send?: HttpSend | undefined
}

/** A transport that also hands over the bodies of responses as they arrive. */
export type HttpTransport = Required<Transport>

/**
 * Creates a transport on the platform's `fetch`, or on its replacement: no redirects, no cookies, no
 * cache, no referrer, and every body read up to a limit. The platform's `fetch` may use a proxy of the
 * environment for this machine itself, too (Deno; Node, where told to); `createUndiciFetch` never does.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @example
 * ```ts
 * import { createHttpTransport, parseBaseUrl, startDeadline } from '@nomyo/transport'
 *
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://gateway.example') })
 * const deadline = startDeadline(30_000)
 * const response = await transport.send({
 *   method: 'GET',
 *   path: '/health',
 *   headers: {},
 *   maxResponseBytes: 1024,
 *   signal: deadline.signal,
 * })
 * deadline.clear()
 * console.log(response.status)
 * ```
 */
export function createHttpTransport(options: HttpTransportOptions): HttpTransport {
  const { baseUrl, fetch, send = fetchSend(fetch) } = Object(options) as HttpTransportOptions
  checkArgument('href' in Object(baseUrl), 'baseUrl', 'a URL of parseBaseUrl')
  if (fetch !== undefined) checkFunction(fetch, 'fetch')
  checkFunction(send, 'send')
  const stream = (request: TransportRequest): Promise<StreamedResponse> =>
    streamOverHttp(send, baseUrl, request)
  return { stream, send: async (request) => (await stream(request)).whole() }
}

async function streamOverHttp(
  send: HttpSend,
  baseUrl: URL,
  request: TransportRequest,
): Promise<StreamedResponse> {
  const { path, maxResponseBytes, ...asked } = Object(request) as TransportRequest
  const { headers, signal } = asked
  checkArgument(isAmount(maxResponseBytes), 'maxResponseBytes', 'a number of bytes')
  checkSignal(signal)
  checkObject(headers, 'headers')

  /** Passes on the reason of the signal and connection errors; any other error is one of the network. */
  const mapErrors = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof APIConnectionError) throw error
      throw networkError(error, baseUrl)
    }
  }

  const answer = await mapErrors(async () => {
    // `send` might open a connection first.
    signal.throwIfAborted()
    const url = endpointUrl(baseUrl, path)
    return asked.upload === undefined
      ? abortable(send(url, asked), signal)
      : (await import('./upload.js')).sendUpload(send, url, asked)
  })
  if ('failure' in answer) throw answer.failure
  const { status } = answer
  const header = (name: string): string | undefined => answer.header(name)
  const limit = status === 200 ? maxResponseBytes : MAX_ERROR_BODY_BYTES
  return {
    status,
    header,
    async read(take) {
      checkFunction(take, 'take')
      const refusals: unknown[] = []
      const recorded = async (part: Uint8Array): Promise<void> => {
        try {
          await take(part)
        } catch (error) {
          refusals.push(error)
          throw error
        }
      }
      await mapErrors(() => readParts(answer, limit, recorded, signal)).catch((error: unknown) => {
        throw refusals.length > 0 ? refusals[0] : error
      })
    },
    whole: () =>
      mapErrors(async () => ({
        status,
        header,
        body:
          status === 200
            ? await readLimited(answer, limit, signal)
            : await readErrorBody(answer, signal),
      })),
    cancel: () => {
      answer.cancel()
    },
  }
}

/** The body of an error is optional: an oversized or truncated one counts as empty. */
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
  // Only the system's error code is passed on: whole errors may hold headers or bodies.
  const reason = systemCode(error)
  return new APIConnectionError(
    'ERR_NETWORK',
    `The connection to ${baseUrl.origin} failed${reason === undefined ? '' : ` (${reason})`}. ` +
      'Check that the address is right and the server is running.',
  )
}

/** Returns the `code` of an error or of its cause, if it has the form of one. */
function systemCode(error: unknown): string | undefined {
  for (const candidate of [error, error instanceof Error ? error.cause : undefined]) {
    if (typeof candidate !== 'object' || candidate === null || !('code' in candidate)) continue
    if (typeof candidate.code === 'string' && /^[A-Z_0-9]{1,40}$/.test(candidate.code)) {
      return candidate.code
    }
  }
  return undefined
}
