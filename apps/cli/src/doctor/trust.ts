import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { knownServersFile } from '@nomyo/client/known-servers'
import { verifyPin, type PublicKey } from '@nomyo/crypto'
import { describeError } from '../describe-error.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'

/** Checks the server key against pins and known servers, which are only read. */
export async function checkTrust(key: PublicKey, settings: GatewaySettings): Promise<Finding> {
  const { gateway, pins, knownServers } = settings
  try {
    if (pins !== undefined) verifyPin(key, pins)
  } catch {
    return problem(
      `the key matches none of the ${pins?.length ?? 0} pins`,
      'ask the operator for the fingerprint out of band; change the pin only if the key is genuine',
    )
  }
  try {
    const known = await knownServersFile(knownServers).fingerprintsOf(gateway)
    if (known.includes(key.fingerprint)) {
      return ok(pins === undefined ? 'known' : 'pinned and known')
    }
    if (known.length > 0) {
      return problem(
        `the key has changed; the known key is ${known.join(' or ')}`,
        `ask the operator out of band; only if it is genuine: nomyo servers forget ${gateway}`,
      )
    }
  } catch (error) {
    return problem(describeError(error).text, 'correct that file')
  }
  if (pins !== undefined) return ok('pinned')
  return warning(
    'not known yet: the key will be trusted on first use',
    `compare the fingerprint with the operator, then: nomyo servers trust ${gateway}`,
  )
}
