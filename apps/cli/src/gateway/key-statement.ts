import { fetchStatement } from '@nomyo/client/gateway-api'
import { parseKeyStatement, type KeyStatement } from '@nomyo/crypto/wire-2'
import { APIError } from '@nomyo/transport'
import type { GatewayAddress } from '../settings/gateway-settings.js'
import { withTransport } from './fetch.js'

/**
 * Fetches the key statement that a gateway shows; undefined where it offers no wire 2, which only the
 * status 404 says. Its form, times and signatures are valid; no identity is trusted for it.
 *
 * @throws UsageError, SecurityError, APIError, APIConnectionError
 */
export async function fetchKeyStatement(
  address: GatewayAddress,
): Promise<KeyStatement | undefined> {
  try {
    const { document } = await withTransport(address, fetchStatement)
    return await parseKeyStatement(document, { now: Date.now() / 1000 })
  } catch (error) {
    if (error instanceof APIError && error.statusCode === 404) return undefined
    throw error
  }
}
