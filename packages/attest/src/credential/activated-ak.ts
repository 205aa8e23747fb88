import { requireBytes, requireMethod, requireObject } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import { equalBytes } from '../bytes/bytes.js'
import type { TpmtPublic } from '../structures/public.js'
import { refuse, type EkAnchor, type TrustAnchor } from '../trust/anchor.js'
import { checkedName } from '../trust/checked-name.js'
import { checkedEk } from './endorsement-key.js'
import { MIN_SECRET_BYTES } from './make-credential.js'

/** Record of a credential activation. */
export interface ActivationRecord {
  /** TPM Name of the key the credential was made for. */
  readonly akName: Uint8Array
  /** The endorsement key it was made for. */
  readonly ek: TpmtPublic
  /** Secret in the credential. Made by the caller, never sent in the clear. */
  readonly secret: Uint8Array
  /** Secret that the machine returned from its TPM. */
  readonly activatedSecret: Uint8Array
  /** Endorses `ek` as the key of a genuine TPM, or of the intended machine. */
  readonly ekAnchor: EkAnchor
}

/**
 * Creates a trust anchor that endorses the one attestation key whose credential was activated.
 *
 * The right secret proves that an object with this Name was loaded in the TPM that holds `ek` when the
 * TPM released it. `ekAnchor` identifies that TPM: with a certificate of its manufacturer the key becomes
 * `endorsed`, with a pinned Name `pinned`. The secret does not prove the type of the key; the Name is a
 * hash of it, and the appraisal checks it (`ak.attributes`).
 *
 * Keep the record where only the caller can write: a party that can store an `activatedSecret` beside the
 * `secret` is trusted. It stays valid as long as the AK exists, so it is made once per AK, not once per
 * quote; certificates in `ekAnchor` are verified anew each time.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for a secret below 16 bytes, for an EK that cannot receive
 * credentials (see `makeCredential`), and for an invalid Name
 */
export function activatedAk(record: ActivationRecord): TrustAnchor {
  requireObject(record, 'the record')
  const { ek, ekAnchor } = record
  checkedEk(ek)
  const akName = checkedName(record.akName, 'the Name of the AK')
  requireBytes(record.secret, 'the secret')
  requireBytes(record.activatedSecret, 'the activated secret')
  requireMethod(ekAnchor, 'ekAnchor', 'endorseEk')
  if (record.secret.length < MIN_SECRET_BYTES) {
    throw new PolicyError(`the secret has less than ${MIN_SECRET_BYTES} bytes: it can be guessed`)
  }
  const isActivated = equalBytes(record.secret, record.activatedSecret)
  return {
    kind: 'activated-ak',
    async endorse(key, now) {
      if (!equalBytes(akName, key.name)) {
        return refuse('AK_NOT_ACTIVATED', 'the credential was made for another key')
      }
      if (!isActivated) return refuse('AK_SECRET_WRONG', 'the returned secret is wrong')
      const { trust, code, detail } = await ekAnchor.endorseEk(ek, now)
      return trust === 'unendorsed'
        ? refuse('AK_EK_UNENDORSED', `its endorsement key is not endorsed: ${code}, ${detail}`)
        : { trust, code: 'AK_ACTIVATED', detail: 'its TPM released the secret made for it' }
    },
  }
}
