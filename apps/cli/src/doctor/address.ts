import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { assertAllowed } from '../gateway/ask.js'
import { isLoopback } from '../gateway/client.js'
import type { Settings } from '../settings/settings.js'

/** Checks that the settings allow the address of the gateway. */
export function checkAddress(settings: Settings): Finding {
  const { gateway } = settings
  try {
    assertAllowed(settings)
  } catch {
    return problem(
      `${gateway} is http://, where an attacker on the network path can replace the server key`,
      'use https://, or add --allow-http for a gateway on this machine',
    )
  }
  if (isLoopback(gateway)) return ok(`${gateway}, on this machine`)
  if (gateway.startsWith('https:')) return ok(gateway)
  return warning(
    `${gateway}: an attacker on the network path can replace the server key`,
    'use https://, unless this network is yours alone',
  )
}
