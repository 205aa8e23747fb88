import type { PublicKey } from '@nomyo/crypto'
import { isAbsent, judgeMachine, offeredEvidence } from '../gateway/judge-machine.js'
import type { Settings } from '../settings/settings.js'
import type { Finding } from './finding.js'
import { timed } from './timed.js'

/** Whether the machine is what the policy wants; without a policy, what it offers. */
export async function examineMachine(settings: Settings, key: PublicKey): Promise<Finding> {
  const check = 'machine'
  const { policy } = settings
  if (policy === undefined) return examineOffer(settings)
  const judged = await timed(check, () => judgeMachine(settings, policy))
  if ('failed' in judged)
    return isAbsent(judged.error) ? noEvidence('problem', judged.ms) : judged.failed
  const { result, fingerprint } = judged.value
  const { ms } = judged
  const message = `tier ${result.tier}, key ${result.trust}`
  const remedy = `nomyo attest verify ${settings.gateway} --policy ${policy} shows every check`
  if (fingerprint !== key.fingerprint) {
    return {
      check,
      status: 'problem',
      message: `it vouches for another key, ${fingerprint}`,
      remedy,
      ms,
    }
  }
  return result.tier === 'affirming'
    ? { check, status: 'ok', message, ms }
    : { check, status: 'problem', message: `${message}; the policy asks for more`, remedy, ms }
}

async function examineOffer(settings: Settings): Promise<Finding> {
  const check = 'machine'
  const offer = await timed(check, () => offeredEvidence(settings))
  if ('failed' in offer)
    return isAbsent(offer.error)
      ? noEvidence('ok', offer.ms)
      : { ...offer.failed, status: 'warning' }
  const akName = offer.value.claimed?.akName
  return akName === undefined
    ? {
        check,
        status: 'ok',
        message: 'not judged; the gateway offers nothing that can be read',
        ms: offer.ms,
      }
    : {
        check,
        status: 'ok',
        message: `not judged; it offers evidence of attestation key ${akName}`,
        remedy: `nomyo attest policy init ${settings.gateway} begins a policy`,
        ms: offer.ms,
      }
}

const noEvidence = (status: 'ok' | 'problem', ms: number): Finding => ({
  check: 'machine',
  status,
  ms,
  ...(status === 'ok'
    ? { message: 'not judged; the gateway offers no evidence' }
    : {
        message: 'there is a policy, and the gateway offers no evidence',
        remedy: 'ask the operator whether its TPM is in use (--tpm), or leave --policy out',
      }),
})
