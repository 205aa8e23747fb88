import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import {
  createHttpTransport,
  errorFromResponse,
  startDeadline,
  type TransportResponse,
} from '@nomyo/transport'
import { createUndiciFetch } from '@nomyo/transport/undici'
import { DistrustError, UsageError } from '../exit-codes.js'
import type { Settings } from '../settings/settings.js'

const TIMEOUT_MS = 30_000
const MAX_BYTES = 1024 * 1024

/** What is needed to ask a gateway in plaintext. */
export type Address = Pick<Settings, 'gateway' | 'allowHttp'>

/**
 * The key a gateway shows. Nothing has been held against it.
 *
 * @throws UsageError for http:// that was not allowed
 * @throws SecurityError when it is no acceptable key; APIError, APIConnectionError when there is none
 */
export async function fetchShownKey(address: Address): Promise<PublicKey> {
  const { body } = await get(address, '/pki/public_key', {})
  return importPublicKey(new TextDecoder().decode(body))
}

/**
 * The names of the models there are, as the gateway says in plaintext.
 *
 * @throws APIError, APIConnectionError; DistrustError for an answer no gateway gives
 */
export async function listModels({ apiKey, ...address }: Settings): Promise<readonly string[]> {
  const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const { body } = await get(address, '/v1/models', authorization)
  try {
    const { data } = JSON.parse(new TextDecoder().decode(body)) as { data: { id: unknown }[] }
    return data.flatMap(({ id }) => (isName(id) ? [id] : []))
  } catch {
    throw new DistrustError('the gateway did not answer as one does when asked for its models')
  }
}

/** A name with line breaks or what terminals obey is none: shown, it would pass for lines of our own. */
const isName = (id: unknown): id is string =>
  typeof id === 'string' && !/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(id)

/** http:// is taken only when it was asked for. @throws UsageError */
export function assertAllowed({ gateway, allowHttp }: Address): void {
  if (allowHttp || !gateway.startsWith('http:')) return
  throw new UsageError(
    'http:// can be read and changed by anybody on the way. Use https://, or add --allow-http for a ' +
      'gateway on this machine',
  )
}

async function get(
  address: Address,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<TransportResponse> {
  assertAllowed(address)
  const connections = createUndiciFetch()
  const deadline = startDeadline(TIMEOUT_MS)
  try {
    const response = await createHttpTransport({
      baseUrl: new URL(address.gateway),
      send: connections.send,
    }).send({ method: 'GET', path, headers, maxResponseBytes: MAX_BYTES, signal: deadline.signal })
    if (response.status !== 200) throw errorFromResponse(response)
    return response
  } finally {
    deadline.clear()
    void connections.close()
  }
}
