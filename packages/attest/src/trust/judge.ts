import type { Facts } from '../facts.js'
import type { TrustAnchor, Vouching } from './anchor.js'

/** What all anchors together say of the key. */
export interface Trustee {
  readonly vouching: Vouching
  /** Whether an anchor went by the Name of the key. */
  readonly byName: boolean
}

/** Asks the anchors in turn; the first that vouches decides. None vouches for a key that cannot be read. */
export async function askAnchors({ ak, policy: { trust, now } }: Facts): Promise<Trustee> {
  const anchors = trust === 'none' ? [] : trust
  const byName = anchors.some(({ kind }) => kind !== 'ak-certificate')
  let vouching: Vouching = {
    trust: 'unendorsed',
    code: 'AK_NO_ANCHOR',
    detail: 'no anchor was given that could vouch for the key',
  }
  for (const anchor of anchors) {
    const answer = await ask(anchor, ak, now)
    // Of several refusals the one with a certificate says most.
    if (answer.trust !== 'unendorsed' || vouching.certificate === undefined) vouching = answer
    if (answer.trust !== 'unendorsed') break
  }
  return { vouching, byName }
}

async function ask(anchor: TrustAnchor, ak: Facts['ak'], now: Date | undefined): Promise<Vouching> {
  if (ak.value === undefined) {
    return { trust: 'unendorsed', code: 'STRUCTURE_INVALID', detail: 'there is no readable key' }
  }
  try {
    return await anchor.vouchFor(ak.value, now)
  } catch {
    return {
      trust: 'unendorsed',
      code: 'ANCHOR_FAILED',
      detail: `the anchor ${anchor.kind} could not judge this key`,
    }
  }
}
