import { errorFromResponse, type Transport } from '@nomyo/transport'
import { apiKey as checkApiKey, isObject, optional, readOptions } from '../config/checks.js'
import { parseObject } from '../config/parse-object.js'
import { get, requestOptions, type GatewayRequestOptions } from './get.js'

const MAX_LIST_BYTES = 1024 * 1024

/** The models of a gateway. */
export interface ModelList {
  /** Names that can be displayed: not empty, without control and formatting characters. */
  readonly names: readonly string[]
  /** The list as received: OpenAI's JSON. */
  readonly body: Uint8Array<ArrayBuffer>
}

/** Settings of {@link fetchModels}. */
export interface FetchModelsOptions extends GatewayRequestOptions {
  /** Sent as a bearer token. Default: none. */
  readonly apiKey?: string | undefined
}

/**
 * Fetches the list of models. Names and API key travel under TLS alone, not encrypted to the gateway's
 * key.
 *
 * @returns undefined for a response that is not a list of models
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws APIError for a status other than 200
 * @throws APIConnectionError when no complete response arrives in time
 *
 * @example
 * ```ts
 * import { fetchModels } from '@nomyo/client/gateway-api'
 * import { createHttpTransport, parseBaseUrl } from '@nomyo/transport'
 *
 * const transport = createHttpTransport({ baseUrl: parseBaseUrl('https://api.nomyo.ai') })
 * const models = await fetchModels(transport, { apiKey: process.env['NOMYO_API_KEY'] })
 * console.log(models?.names)
 * ```
 */
export async function fetchModels(
  transport: Transport,
  options: FetchModelsOptions = {},
): Promise<ModelList | undefined> {
  const { apiKey, ...request } = readOptions(options, {
    ...requestOptions(),
    apiKey: optional(checkApiKey),
  })
  const response = await get(
    transport,
    {
      path: '/v1/models',
      headers: {
        accept: 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
      maxResponseBytes: MAX_LIST_BYTES,
    },
    request,
  )
  if (response.status !== 200) throw errorFromResponse(response)
  const data = parseObject(response.body)?.['data']
  if (!Array.isArray(data)) return undefined
  const names = data
    .map((model: unknown) => (isObject(model) ? model['id'] : undefined))
    .filter((id) => typeof id === 'string')
  return { names: names.filter((name) => DISPLAYABLE.test(name)), body: response.body }
}

/** A line break or a terminal escape in a name would pass for output of the program that shows it. */
const DISPLAYABLE = /^[^\p{Cc}\p{Bidi_Control}\u2028\u2029]+$/u
