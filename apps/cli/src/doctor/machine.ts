import { ok, problem, type Finding } from '@nomyo-internal/diagnostics'
import type { PublicKey } from '@nomyo/crypto'
import type { KeyStatement } from '@nomyo/crypto/wire-2'
import {
  attestGateway,
  describeOffer,
  endorses,
  isEvidenceMissing,
} from '../gateway/attest-gateway.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { describeFailure } from './describe-failure.js'

/** Appraises the machine by the policy; without a policy, reports the evidence that it offers. */
export async function checkMachine(
  settings: GatewaySettings,
  keys: PublicKey | KeyStatement,
): Promise<Finding> {
  const { gateway, policy } = settings
  if (policy === undefined) return checkOffer(settings, keys)
  try {
    const { result, given } = await attestGateway(settings, policy, wireOf(keys))
    const message = `tier ${result.tier}, key ${result.trust}`
    const remedy = `nomyo attest verify ${gateway} --policy ${policy} shows every check`
    if (!endorses(given, keys)) return problem('the evidence endorses other keys', remedy)
    if (result.tier === 'affirming') return ok(message)
    return problem(`${message}; the policy requires more`, remedy)
  } catch (error) {
    if (!isEvidenceMissing(error)) throw error
    const remedy = 'ask the operator whether its TPM is in use (--tpm), or omit --policy'
    return problem('the policy requires evidence, and the gateway offers none', remedy)
  }
}

const wireOf = (keys: PublicKey | KeyStatement): 1 | 2 => ('sha256' in keys ? 2 : 1)

async function checkOffer(
  settings: GatewaySettings,
  keys: PublicKey | KeyStatement,
): Promise<Finding> {
  try {
    const { claimed } = await describeOffer(settings, wireOf(keys))
    if (claimed?.akName === undefined) {
      return ok('not appraised; the gateway offers unreadable evidence')
    }
    return {
      ...ok(`not appraised; the gateway offers evidence of attestation key ${claimed.akName}`),
      remedy: `nomyo attest policy init ${settings.gateway} creates a policy`,
    }
  } catch (error) {
    if (!isEvidenceMissing(error)) return { ...describeFailure(error), status: 'warning' }
    return ok('not appraised; the gateway offers no evidence')
  }
}
