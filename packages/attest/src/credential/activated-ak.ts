import { equalBytes } from '../bytes/digest.js'
import { PolicyError } from '../errors.js'
import type { TpmtPublic } from '../structures/public.js'
import type { TrustAnchor, Vouching } from '../trust/anchor.js'
import type { EkAnchor } from './ek-anchor.js'
import { checkedEk } from './endorsement-key.js'
import { MIN_SECRET_BYTES } from './make-credential.js'
import { checkedName } from './names.js'

/** What is kept of a credential activation. */
export interface ActivationRecord {
  /** TPM Name the credential was made for. */
  readonly akName: Uint8Array
  /** The endorsement key it was made for. */
  readonly ek: TpmtPublic
  /** What was put into the credential. Made by the caller, sent to nobody. */
  readonly secret: Uint8Array
  /** What the machine says its TPM gave out. */
  readonly activatedSecret: Uint8Array
  /** Who says that `ek` is the key of a genuine TPM, or of the machine meant. */
  readonly ekAnchor: EkAnchor
}

/**
 * Vouches for the one attestation key whose credential was activated.
 *
 * The right secret proves: when it was given out, an object with this Name was loaded in the TPM that
 * holds `ek`. Whose TPM that is, `ekAnchor` says: with a certificate of its manufacturer the key
 * becomes `endorsed`, with a pinned Name `pinned`. It does not prove what kind of key it is; the Name
 * is a hash of that, and the appraisal judges it (`ak.attributes`).
 *
 * The record is the caller's to keep, where nobody else can write: who can put an `activatedSecret`
 * beside the `secret` is believed. It stays true as long as the AK exists, so it is made once per AK,
 * not once per quote; certificates in `ekAnchor` are judged anew each time.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for a secret below 16 bytes, for an EK that makes no
 * credentials (see `makeCredential`), and for a Name that is none
 */
export function activatedAk(record: ActivationRecord): TrustAnchor {
  const { ek, ekAnchor } = record
  checkedEk(ek)
  const akName = checkedName(record.akName, 'the Name of an AK')
  if (record.secret.length < MIN_SECRET_BYTES) {
    throw new PolicyError(`the secret has less than ${MIN_SECRET_BYTES} bytes: it can be guessed`)
  }
  const isActivated = equalBytes(record.secret, record.activatedSecret)
  return {
    kind: 'activated-ak',
    async vouchFor(key, now) {
      if (!equalBytes(akName, key.name)) {
        return refuse('AK_NOT_ACTIVATED', 'the credential was for another key')
      }
      if (!isActivated) return refuse('AK_SECRET_WRONG', 'the secret that came back is another')
      const { trust, code, detail } = await ekAnchor.vouchForEk(ek, now)
      return trust === 'unendorsed'
        ? refuse('AK_EK_UNENDORSED', `nothing vouches for its endorsement key: ${code}, ${detail}`)
        : { trust, code: 'AK_ACTIVATED', detail: 'its TPM gave out the secret made for it' }
    },
  }
}

function refuse(code: string, detail: string): Vouching {
  return { trust: 'unendorsed', code, detail }
}
