import type { Bytes } from '../bytes/types.js'
import type { Trust, Verdict } from '../result.js'
import type { TpmtPublic } from '../structures/public.js'

/** The attestation key a quote came with, as it was read from the evidence. */
export interface AttestationKey {
  readonly publicArea: TpmtPublic
  /** Computed from the public area, never taken from anywhere else. */
  readonly name: Bytes
}

/** What an anchor says of an attestation key. */
export interface Vouching {
  /** `unendorsed`: this anchor does not vouch for the key. */
  readonly trust: Trust
  readonly code: string
  readonly detail: string
  /** The checks of the key's certificate, where the anchor is one. */
  readonly certificate?: Readonly<Record<CertificateCheck, Verdict>>
}

export type CertificateCheck = 'chain' | 'validity' | 'eku' | 'leaf' | 'key'

/**
 * Something the caller trusts that can vouch for attestation keys (RFC 9334, section 7.4). Evidence
 * never supplies one.
 */
export interface TrustAnchor {
  readonly kind: 'pinned-ak' | 'ak-certificate' | 'certified-ak' | 'activated-ak'
  /** Judges one key; `now` is the caller's clock. Never throws because of what the key is. */
  vouchFor(key: AttestationKey, now: Date | undefined): Promise<Vouching>
}
