import type { Bytes } from '../bytes/bytes.js'
import type { Verdict } from '../result/verdict.js'
import type { TpmtPublic } from '../structures/public.js'

/** Attestation key of a quote, as parsed from the evidence. */
export interface AttestationKey {
  readonly publicArea: TpmtPublic
  /** Computed from the public area, never taken from elsewhere. */
  readonly name: Bytes
}

/**
 * Basis of the trust in an attestation key. `endorsed`: certificate or credential activation; `pinned`:
 * its Name was given by the caller; `unendorsed`: none, a program can make such a key.
 */
export type Trust = 'endorsed' | 'pinned' | 'unendorsed'

/** Statement of a trust anchor about a key (RFC 9334: Endorsement). */
export interface Endorsement {
  /** `unendorsed`: this anchor does not endorse the key. */
  readonly trust: Trust
  readonly code: string
  readonly detail: string
  /** Verdicts on the certificate of the key, where the anchor uses one. */
  readonly certificate?: Readonly<Record<CertificateCheck, Verdict>>
}

/** Check of a certificate; `ak.certificate.` and this is the id. */
export type CertificateCheck = 'chain' | 'validity' | 'eku' | 'leaf' | 'key'

/**
 * Trust anchor of the caller that can endorse attestation keys (RFC 9334, section 7.4). Evidence
 * never supplies one.
 */
export interface TrustAnchor {
  readonly kind: 'pinned-ak' | 'ak-certificate' | 'certified-ak' | 'activated-ak'
  /** Endorses a key or not; `now` is the caller's clock. Never throws because of the key. */
  endorse(key: AttestationKey, now: Date | undefined): Promise<Endorsement>
}

/** Trust anchor of the caller that can endorse the endorsement key of a TPM. */
export interface EkAnchor {
  readonly kind: 'pinned-ek' | 'ek-certificate'
  /** Endorses a key or not; `now` is the caller's clock. Never throws because of the key. */
  endorseEk(ek: TpmtPublic, now: Date | undefined): Promise<Endorsement>
}

/** Makes the statement of an anchor that does not endorse a key. */
export function refuse(code: string, detail: string): Endorsement {
  return { trust: 'unendorsed', code, detail }
}
