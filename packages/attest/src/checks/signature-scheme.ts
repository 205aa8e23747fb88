import type { Facts } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'
import { TPM_ALG } from '../structures/constants.js'
import type { TpmtPublic } from '../structures/public.js'
import type { TpmtSignature } from '../structures/signature.js'
import { unreadable } from './evidence.js'

/** The signature was made the one way its key allows. */
export function checkSignatureScheme({ ak, signature }: Facts): Verdict {
  if (ak.value === undefined) return unreadable('attestation key')
  if (signature.value === undefined) return unreadable('signature')
  return schemesAgree(ak.value.publicArea, signature.value)
}

/** The scheme and hash a signature claims are those its key is bound to, and the hash is SHA-2. */
export function schemesAgree({ type, scheme }: TpmtPublic, signature: TpmtSignature): Verdict {
  const allowed = type === 'RSA' ? ['RSASSA', 'RSAPSS'] : ['ECDSA']
  if (scheme === undefined || !allowed.includes(signature.scheme)) {
    return fail('SCHEME_NOT_OF_KEY', 'the key is bound to no scheme, or is of another kind')
  }
  if (scheme.id !== TPM_ALG[signature.scheme] || scheme.hashId !== signature.hashId) {
    return fail('SCHEME_MISMATCH', 'the signature names another scheme or hash than its key')
  }
  if (signature.hash === undefined || signature.hash === 'sha1') {
    return fail('SCHEME_HASH_WEAK', 'the hash that was signed is not SHA-2')
  }
  return pass('SCHEME_OF_KEY', `${signature.scheme} with ${signature.hash}, as the key says`)
}
