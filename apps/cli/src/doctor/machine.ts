import { ok, problem, type Finding } from '@nomyo-internal/diagnostics'
import type { PublicKey } from '@nomyo/crypto'
import {
  attestGateway,
  describeOffer,
  endorses,
  isEvidenceMissing,
} from '../gateway/attest-gateway.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { describeFailure } from './describe-failure.js'

/** Appraises the machine by the policy; without a policy, reports the evidence that it offers. */
export async function checkMachine(settings: GatewaySettings, key: PublicKey): Promise<Finding> {
  const { gateway, policy } = settings
  if (policy === undefined) return checkOffer(settings)
  try {
    const { result, given } = await attestGateway(settings, policy, 'auto')
    const message = `tier ${result.tier}, key ${result.trust}`
    const remedy = `nomyo attest verify ${gateway} --policy ${policy} shows every check`
    if (!endorses(given, key)) return problem('it endorses another key', remedy)
    if (result.tier === 'affirming') return ok(message)
    return problem(`${message}; the policy requires more`, remedy)
  } catch (error) {
    if (!isEvidenceMissing(error)) throw error
    const remedy = 'ask the operator whether its TPM is in use (--tpm), or omit --policy'
    return problem('the policy requires evidence, and the gateway offers none', remedy)
  }
}

async function checkOffer(settings: GatewaySettings): Promise<Finding> {
  try {
    const { claimed } = await describeOffer(settings, 'auto')
    if (claimed?.akName === undefined) {
      return ok('not appraised; the gateway offers unreadable evidence')
    }
    return {
      ...ok(`not appraised; it offers evidence of attestation key ${claimed.akName}`),
      remedy: `nomyo attest policy init ${settings.gateway} starts a policy`,
    }
  } catch (error) {
    if (!isEvidenceMissing(error)) return { ...describeFailure(error), status: 'warning' }
    return ok('not appraised; the gateway offers no evidence')
  }
}
