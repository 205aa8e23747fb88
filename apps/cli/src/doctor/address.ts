import { assertAllowed } from '../gateway/ask.js'
import { isLoopback } from '../gateway/client.js'
import type { Settings } from '../settings/settings.js'
import type { Finding } from './finding.js'

/** Whether the address may be used as it is. */
export function examineAddress(settings: Settings): Finding {
  const check = 'address'
  try {
    assertAllowed(settings)
  } catch {
    return {
      check,
      status: 'problem',
      message: `${settings.gateway} is http://, where anybody on the way can replace the server key`,
      remedy: 'use https://, or add --allow-http for a gateway on this machine',
    }
  }
  if (isLoopback(settings.gateway)) {
    return { check, status: 'ok', message: `${settings.gateway}, on this machine` }
  }
  return settings.gateway.startsWith('https:')
    ? { check, status: 'ok', message: settings.gateway }
    : {
        check,
        status: 'warning',
        message: `${settings.gateway}: anybody on the way can replace the server key`,
        remedy: 'use https://, unless this network is yours alone',
      }
}
