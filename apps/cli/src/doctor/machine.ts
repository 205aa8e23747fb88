import { ok, problem, type Finding } from '@nomyo-internal/diagnostics'
import type { PublicKey } from '@nomyo/crypto'
import { attestGateway, describeOffer, isEvidenceMissing } from '../gateway/attest-gateway.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { timed } from './timed.js'

/** Appraises the machine by the policy; without a policy, reports the evidence that it offers. */
export async function checkMachine(settings: GatewaySettings, key: PublicKey): Promise<Finding> {
  const { gateway, policy } = settings
  if (policy === undefined) return checkOffer(settings)
  const appraised = await timed(() => attestGateway(settings, policy))
  const { ms } = appraised
  if ('failed' in appraised) {
    if (!isEvidenceMissing(appraised.error)) return appraised.failed
    const remedy = 'ask the operator whether its TPM is in use (--tpm), or omit --policy'
    return problem('the policy requires evidence, and the gateway offers none', remedy, ms)
  }
  const { result, fingerprint } = appraised.value
  const message = `tier ${result.tier}, key ${result.trust}`
  const remedy = `nomyo attest verify ${gateway} --policy ${policy} shows every check`
  if (fingerprint !== key.fingerprint) {
    return problem(`it endorses another key, ${fingerprint}`, remedy, ms)
  }
  if (result.tier === 'affirming') return ok(message, ms)
  return problem(`${message}; the policy requires more`, remedy, ms)
}

async function checkOffer(settings: GatewaySettings): Promise<Finding> {
  const offer = await timed(() => describeOffer(settings))
  const { ms } = offer
  if ('failed' in offer) {
    if (!isEvidenceMissing(offer.error)) return { ...offer.failed, status: 'warning' }
    return ok('not appraised; the gateway offers no evidence', ms)
  }
  const akName = offer.value.claimed?.akName
  if (akName === undefined) return ok('not appraised; the gateway offers unreadable evidence', ms)
  return {
    ...ok(`not appraised; it offers evidence of attestation key ${akName}`, ms),
    remedy: `nomyo attest policy init ${settings.gateway} starts a policy`,
  }
}
