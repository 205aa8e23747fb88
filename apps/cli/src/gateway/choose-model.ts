import { UsageError } from '@nomyo-internal/command-line'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { openClient, type ClientHooks } from './client.js'
import { fetchModelNames } from './fetch.js'

/**
 * Gives the first model of a gateway.
 *
 * @throws UsageError when there is none
 */
export function chooseModel([first]: readonly string[]): string {
  if (first !== undefined) return first
  throw new UsageError(
    'the gateway lists no models; name one with --model, or as "model" in the config file',
  )
}

/**
 * Fetches the models of a gateway, after its keys and its machine are verified: the request carries the
 * API key.
 *
 * @throws SecurityError, AttestationError, CommandError when they must not be trusted
 */
export async function listTrustedModels(
  settings: GatewaySettings,
  hooks: ClientHooks,
): Promise<readonly string[]> {
  // The encrypted request that follows checks the keys again, and finds them known.
  const client = await openClient(settings, hooks)
  try {
    await client.chooseWire()
  } finally {
    client.dispose()
  }
  return fetchModelNames(settings)
}
