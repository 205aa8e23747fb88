import { EXIT, UsageError } from '@nomyo-internal/command-line'
import { fetchModels, fetchPublicKey } from '@nomyo/client/gateway-api'
import type { PublicKey } from '@nomyo/crypto'
import { createHttpTransport, type Transport } from '@nomyo/transport'
import { createUndiciFetch } from '@nomyo/transport/undici'
import { CommandError, HTTP_REFUSED } from '../describe-error.js'
import { openClient, type ClientHooks } from './client.js'
import type { GatewayAddress, GatewaySettings } from '../settings/gateway-settings.js'

/**
 * Opens connections to a gateway for plain requests, and closes them afterwards.
 *
 * @throws UsageError for `http://` without `allowHttp`
 */
export async function withTransport<T>(
  address: GatewayAddress,
  use: (transport: Transport) => Promise<T>,
): Promise<T> {
  assertHttpAllowed(address)
  const connections = createUndiciFetch()
  try {
    const { send } = connections
    return await use(createHttpTransport({ baseUrl: new URL(address.gateway), send }))
  } finally {
    void connections.close()
  }
}

/**
 * Fetches the key that a gateway shows, without comparing it to any other.
 *
 * @throws UsageError, SecurityError, APIError, APIConnectionError
 */
export const fetchServerKey = (address: GatewayAddress): Promise<PublicKey> =>
  withTransport(address, async (transport) => (await fetchPublicKey(transport)).key)

/**
 * Fetches the names of the models; through the relay, where there is one, since the request has the API key.
 *
 * @throws CommandError for an answer that is no list of models; UsageError, APIError, APIConnectionError
 */
export async function fetchModelNames(
  settings: GatewaySettings,
  hooks: ClientHooks = {},
): Promise<readonly string[]> {
  const { apiKey, relay } = settings
  if (relay !== undefined) return relayedModelNames(settings, hooks)
  const models = await withTransport(settings, (transport) => fetchModels(transport, { apiKey }))
  if (models !== undefined) return models.names
  throw new CommandError('the gateway did not answer with a list of models', EXIT.security)
}

async function relayedModelNames(
  settings: GatewaySettings,
  hooks: ClientHooks,
): Promise<readonly string[]> {
  const client = await openClient(settings, hooks)
  try {
    return (await client.models.list()).data.map(({ id }) => id)
  } finally {
    client.dispose()
  }
}

/** Refuses `http://` without `allowHttp`. @throws UsageError */
export function assertHttpAllowed({ gateway, allowHttp }: GatewayAddress): void {
  if (!allowHttp && gateway.startsWith('http:')) throw new UsageError(HTTP_REFUSED)
}
