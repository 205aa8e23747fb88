import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { errorFromResponse, type Transport } from '@nomyo/transport'
import { integer, invalidOption, optional, readOptions, type Check } from '../config/checks.js'
import { get, requestOptions, type GatewayRequestOptions } from './get.js'

/** A PEM of an 8192-bit key takes under 1.5 KB. */
const MAX_KEY_BYTES = 64 * 1024

/** A public key as a gateway serves it. */
export interface FetchedPublicKey {
  readonly key: PublicKey
  /** The validator of the response, to revalidate the key with; undefined where the gateway sends none. */
  readonly etag: string | undefined
}

const fetchedKey: Check<FetchedPublicKey> = (value, name) => {
  if ('key' in Object(value)) return value as FetchedPublicKey
  throw invalidOption(name, 'must be a result of fetchPublicKey')
}

/** Settings of {@link fetchPublicKey}. */
export interface FetchPublicKeyOptions extends GatewayRequestOptions {
  /** Smallest key accepted, in bits. Default 4096. */
  readonly minBits?: number | undefined
  /** A key fetched before: the gateway sends the key again only if it differs. */
  readonly held?: FetchedPublicKey | undefined
}

/**
 * Fetches the public key of a gateway. Only the form of the key is checked: compare its fingerprint with
 * one obtained out of band before trusting it. The request carries no API key.
 *
 * @returns the key; the very object given as `held` when the gateway reports no change
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_WEAK`
 * @throws APIError for a status other than 200
 * @throws APIConnectionError when no complete response arrives in time
 *
 * @example
 * ```ts
 * import { fetchPublicKey } from '@nomyo/client/gateway-api'
 * import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
 *
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://api.nomyo.ai') })
 * const { key } = await fetchPublicKey(transport)
 * console.log(key.fingerprint)
 * ```
 */
export async function fetchPublicKey(
  transport: Transport,
  options: FetchPublicKeyOptions = {},
): Promise<FetchedPublicKey> {
  const { minBits, held, ...request } = readOptions(options, {
    ...requestOptions(),
    minBits: optional(integer(1, 8192)),
    held: optional(fetchedKey),
  })
  const response = await get(
    transport,
    {
      path: '/pki/public_key',
      headers: {
        accept: 'application/x-pem-file, text/plain',
        ...(held?.etag === undefined ? {} : { 'if-none-match': held.etag }),
      },
      maxResponseBytes: MAX_KEY_BYTES,
    },
    request,
  )
  if (response.status === 304 && held !== undefined) return held
  if (response.status !== 200) throw errorFromResponse(response)
  const pem = new TextDecoder().decode(response.body)
  const key = await importPublicKey(pem, minBits === undefined ? {} : { minBits })
  return { key, etag: response.header('etag') }
}
