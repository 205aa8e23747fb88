import type { TpmtPublic } from '../structures/public.js'
import type { Vouching } from '../trust/anchor.js'

/** Something the caller trusts that can vouch for the endorsement key of a TPM. */
export interface EkAnchor {
  readonly kind: 'pinned-ek' | 'ek-certificate'
  /** Judges one key; `now` is the caller's clock. Never throws because of what the key is. */
  vouchForEk(ek: TpmtPublic, now: Date | undefined): Promise<Vouching>
}
