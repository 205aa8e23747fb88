import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import { TPM_ALG } from '../structures/constants.js'
import type { TpmtPublic } from '../structures/public.js'
import type { TpmtSignature } from '../structures/signature.js'
import { unreadable } from './evidence.js'

/** Checks that the signature was made in the one way its key allows. */
export function checkSignatureScheme({ ak, signature }: ParsedEvidence): Verdict {
  if (ak.value === undefined) return unreadable('attestation key')
  if (signature.value === undefined) return unreadable('signature')
  return schemesAgree(ak.value.publicArea, signature.value)
}

/** Checks that scheme and hash of a signature are those its key is bound to, and that the hash is SHA-2. */
export function schemesAgree({ type, scheme }: TpmtPublic, signature: TpmtSignature): Verdict {
  const allowed = type === 'RSA' ? ['RSASSA', 'RSAPSS'] : ['ECDSA']
  if (scheme === undefined || !allowed.includes(signature.scheme)) {
    return fail('SCHEME_NOT_OF_KEY', 'the key is bound to no scheme, or is of another type')
  }
  if (scheme.id !== TPM_ALG[signature.scheme] || scheme.hashId !== signature.hashId) {
    return fail('SCHEME_MISMATCH', 'scheme or hash of the signature are not those of the key')
  }
  if (signature.hash === undefined || signature.hash === 'sha1') {
    return fail('SCHEME_HASH_WEAK', 'the signature is not over a SHA-2 hash')
  }
  return pass('SCHEME_OF_KEY', `${signature.scheme} with ${signature.hash}, as the key requires`)
}
