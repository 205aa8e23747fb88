import { APIConnectionError } from '../errors.js'

/** Headers that ask for a body as it is: undici unpacks none. */
export const uncompressed = (
  headers: Readonly<Record<string, string>> | undefined,
): Record<string, string> => ({ 'accept-encoding': 'identity', ...headers })

/** For an answer that comes compressed all the same. */
export const compressedError = (
  headers: Readonly<Record<string, unknown>>,
): APIConnectionError | undefined =>
  (headers['content-encoding'] ?? 'identity') === 'identity'
    ? undefined
    : new APIConnectionError(
        'ERR_NETWORK',
        'The answer came compressed, which was not asked for. Turn compression off on the way to the gateway.',
      )
