import { APIConnectionError } from '../errors.js'

/** Adds the header that requests an uncompressed body: undici decompresses none. */
export const uncompressed = (
  headers: Readonly<Record<string, string>> | undefined,
): Record<string, string> => ({ 'accept-encoding': 'identity', ...headers })

/** Builds the error for a response that is compressed all the same. */
export const compressedError = (
  headers: Readonly<Record<string, unknown>>,
): APIConnectionError | undefined =>
  (headers['content-encoding'] ?? 'identity') === 'identity'
    ? undefined
    : new APIConnectionError(
        'ERR_NETWORK',
        'The response is compressed, which was not requested. Disable compression in proxies before the gateway.',
      )
