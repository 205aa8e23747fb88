import { requireBytes, requireObject } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import { keyStrength } from '../checks/ak-strength.js'
import { HASHES, TPMA_OBJECT, TPM_ALG, hashName, type HashName } from '../structures/constants.js'
import { missingAttributes, type RsaPublic, type TpmtPublic } from '../structures/public.js'

/** Endorsement key for which a credential can be made. */
export interface EndorsementKey {
  readonly key: RsaPublic
  readonly nameHash: HashName
  /** Size in bits of the AES key of its symmetric definition. */
  readonly aesBits: number
}

/**
 * Checks an endorsement key. `restricted` and `decrypt` make TPM2_ActivateCredential the only way to use
 * it; the other attributes keep it in its TPM.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for a key other than an RSA storage key with AES in CFB mode
 */
export function checkedEk(ek: TpmtPublic): EndorsementKey {
  requireObject(ek, 'the EK')
  requireBytes(ek.area, 'the area of the EK')
  const strength = keyStrength(ek)
  if (strength.status === 'fail') throw new PolicyError(`the EK is unusable: ${strength.detail}`)
  const missing = missingAttributes(ek, 'restricted', 'decrypt')
  if (missing.length > 0) throw new PolicyError(`the EK is not ${missing.join(', not ')}`)
  if ((ek.objectAttributes & TPMA_OBJECT.sign) !== 0) throw new PolicyError('the EK may sign')

  const nameHash = hashName(ek.nameAlg)
  const { symmetric } = ek
  const isAesCfb = symmetric?.algorithm === TPM_ALG.AES && symmetric.mode === TPM_ALG.CFB
  if (ek.type !== 'RSA' || nameHash === undefined || !isAesCfb) {
    throw new PolicyError('the EK is not an RSA key with AES in CFB mode; no others are supported')
  }
  const aesBits = symmetric.keyBits
  if (aesBits !== 128 && aesBits !== 256)
    throw new PolicyError('the EK does not use AES-128 or AES-256')
  return { key: ek, nameHash, aesBits }
}

/** Returns the largest secret in bytes of a credential for this key (TPM2B_DIGEST of its Name algorithm). */
export function maxSecretBytes({ nameHash }: EndorsementKey): number {
  return HASHES[nameHash].size
}
