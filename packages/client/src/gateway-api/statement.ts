import { errorFromResponse, type Transport } from '@nomyo/transport'
import { invalidOption, optional, readOptions, type Check } from '../config/checks.js'
import { get, requestOptions, type GatewayRequestOptions } from './get.js'

const PATH = '/pki/wire2'
/** The most that `parseKeyStatement` reads. */
const MAX_DOCUMENT_BYTES = 16 * 1024

/** A key statement of wire 2 as a gateway serves it. **Nothing in it has been verified.** */
export interface FetchedStatement {
  /** The statement with its signatures, for `parseKeyStatement` of `@nomyo/crypto/wire-2`. */
  readonly document: Uint8Array<ArrayBuffer>
  /** The validator of the response, to revalidate the statement with; undefined where the gateway sends none. */
  readonly etag: string | undefined
  /** Seconds for which the gateway expects not to change it; undefined where it does not say. */
  readonly maxAge: number | undefined
}

const fetchedStatement: Check<FetchedStatement> = (value, name) => {
  if ('document' in Object(value)) return value as FetchedStatement
  throw invalidOption(name, 'must be a result of fetchStatement')
}

/** Settings of {@link fetchStatement}. */
export interface FetchStatementOptions extends GatewayRequestOptions {
  /** A statement fetched before: the gateway sends it again only if it differs. */
  readonly held?: FetchedStatement | undefined
}

/**
 * Fetches the key statement of wire 2. Its form, times and signatures are not checked here, nor whether
 * its identity can be trusted. The request carries no API key.
 *
 * @returns the statement; the very object given as `held` when the gateway reports no change
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws APIError for a status other than 200; 404 where the gateway does not offer wire 2
 * @throws APIConnectionError when no complete response arrives in time
 *
 * @example
 * ```ts
 * import { fetchStatement } from '@nomyo/client/gateway-api'
 * import { parseKeyStatement } from '@nomyo/crypto/wire-2'
 * import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
 *
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://api.nomyo.ai') })
 * const { document } = await fetchStatement(transport)
 * const { identities, sha256 } = await parseKeyStatement(document, { now: Date.now() / 1000 })
 * console.log(identities, sha256)
 * ```
 */
export async function fetchStatement(
  transport: Transport,
  options: FetchStatementOptions = {},
): Promise<FetchedStatement> {
  const { held, ...request } = readOptions(options, {
    ...requestOptions(),
    held: optional(fetchedStatement),
  })
  const response = await get(
    transport,
    {
      path: PATH,
      headers: {
        accept: 'application/json',
        ...(held?.etag === undefined ? {} : { 'if-none-match': held.etag }),
      },
      maxResponseBytes: MAX_DOCUMENT_BYTES,
    },
    request,
  )
  if (response.status === 304 && held !== undefined) return held
  if (response.status !== 200) throw errorFromResponse(response)
  const maxAge = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(
    response.header('cache-control') ?? '',
  )?.[1]
  return {
    document: response.body,
    etag: response.header('etag'),
    maxAge: maxAge === undefined ? undefined : Number(maxAge),
  }
}
