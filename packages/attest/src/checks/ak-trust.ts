import type { Facts } from '../facts.js'
import { fail, pass, warn, type Verdict } from '../result.js'
import type { Trustee } from '../trust/judge.js'

/** Somebody the caller trusts vouches for the attestation key. */
export function checkAkTrust({ policy }: Facts, { vouching }: Trustee): Verdict {
  if (policy.trust === 'none') {
    return warn(
      'AK_UNENDORSED',
      'nobody vouches for this key: a program without a TPM can make one',
    )
  }
  return vouching.trust === 'unendorsed'
    ? fail(vouching.code, vouching.detail)
    : pass(vouching.code, vouching.detail)
}
