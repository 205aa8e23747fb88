import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { isLocal } from '../gateway/client.js'
import { assertHttpAllowed } from '../gateway/fetch.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'

/** Checks that the settings allow the address of the gateway. */
export function checkAddress(settings: GatewaySettings): Finding {
  const { gateway } = settings
  try {
    assertHttpAllowed(settings)
  } catch {
    return problem(
      `${gateway} is http://, where an attacker on the network path can replace the server key`,
      'use https://, or add --allow-http for a gateway on this machine',
    )
  }
  if (isLocal(gateway)) return ok(`${gateway}, on this machine`)
  if (gateway.startsWith('https:')) return ok(gateway)
  return warning(
    `${gateway}: an attacker on the network path can replace the server key`,
    'use https://, unless this network is yours alone',
  )
}
