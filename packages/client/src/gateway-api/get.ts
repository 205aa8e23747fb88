import {
  integer,
  invalidOption,
  optional,
  signal,
  withDefault,
  type Values,
} from '../config/checks.js'
import { headers as headersOption } from '../config/headers.js'
import { startDeadline, type Transport, type TransportResponse } from '@nomyo/transport'

/** Settings of a plain request to a gateway. */
export interface GatewayRequestOptions {
  /** HTTP headers, sent beside those of the protocol. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the request fails with `ERR_TIMEOUT`. Default 30,000. */
  readonly timeout?: number | undefined
}

const DEFAULT_TIMEOUT_MS = 30_000
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** The table of the options of every request: check and default. */
export const requestOptions = () => ({
  headers: withDefault(headersOption, {}),
  signal: optional(signal),
  timeout: withDefault(integer(1, LONGEST_TIMEOUT_MS), DEFAULT_TIMEOUT_MS),
})

/** The fixed parts of a request. */
interface Endpoint {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly maxResponseBytes: number
}

/**
 * Sends one GET and returns the response, whatever its status.
 *
 * @throws APIConnectionError when no complete response arrives in time
 */
export async function get(
  transport: Transport,
  { path, headers, maxResponseBytes }: Endpoint,
  options: Values<ReturnType<typeof requestOptions>>,
): Promise<TransportResponse> {
  if (typeof (transport as Partial<Transport> | undefined)?.send !== 'function') {
    throw invalidOption('transport', 'must be one of createHttpTransport')
  }
  const deadline = startDeadline(options.timeout, [options.signal])
  try {
    return await transport.send({
      method: 'GET',
      path,
      headers: { ...options.headers, ...headers },
      maxResponseBytes,
      signal: deadline.signal,
    })
  } finally {
    deadline.clear()
  }
}
