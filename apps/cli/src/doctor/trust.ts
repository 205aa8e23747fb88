import { knownServersFile } from '@nomyo/client/known-servers'
import { verifyPin, type PublicKey } from '@nomyo/crypto'
import { failureOf } from '../failure.js'
import type { Settings } from '../settings/settings.js'
import type { Finding } from './finding.js'

/** Known servers are only read: a look must not make a key known. */
export async function examineTrust(key: PublicKey, settings: Settings): Promise<Finding> {
  const { gateway, pins, knownServers } = settings
  const check = 'trust'
  try {
    if (pins !== undefined) verifyPin(key, pins)
  } catch {
    return {
      check,
      status: 'problem',
      message: `the key is none of the pinned ones (${String(pins?.length ?? 0)})`,
      remedy:
        'ask the operator, on another way, for the fingerprint; change the pin only if it is genuine',
    }
  }
  try {
    const known = await knownServersFile(knownServers).fingerprintsOf(gateway)
    if (known.includes(key.fingerprint)) {
      return {
        check,
        status: 'ok',
        message: `${pins === undefined ? '' : 'pinned, and '}known from before`,
      }
    }
    if (known.length > 0) {
      return {
        check,
        status: 'problem',
        message: `the key has changed: known is ${known.join(' or ')}`,
        remedy: `ask the operator on another way; only if it is genuine: nomyo servers forget ${gateway}`,
      }
    }
  } catch (error) {
    return { check, status: 'problem', message: failureOf(error).text, remedy: 'correct that file' }
  }
  if (pins !== undefined) return { check, status: 'ok', message: 'pinned' }
  return {
    check,
    status: 'warning',
    message: 'not known yet: the key will be trusted on first use',
    remedy: `compare the fingerprint with the operator, then: nomyo servers trust ${gateway}`,
  }
}
