import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { refuse, type Endorsement, type TrustAnchor } from './anchor.js'

/** Combined statement of all trust anchors about a key. */
export interface EndorsementDecision {
  readonly endorsement: Endorsement
  /** True when an anchor identifies keys by their Name. */
  readonly byName: boolean
}

/** Asks the anchors in turn; the first endorsement decides. A key that cannot be parsed gets none. */
export async function resolveEndorsement({
  ak,
  policy: { trust, now },
}: ParsedEvidence): Promise<EndorsementDecision> {
  const anchors = trust === 'none' ? [] : trust
  const byName = anchors.some(({ kind }) => kind !== 'ak-certificate')
  let endorsement = refuse(
    'AK_NO_ANCHOR',
    'the policy has no trust anchor that could endorse the key',
  )
  for (const anchor of anchors) {
    const answer = await ask(anchor, ak, now)
    // Of several refusals, the one with a certificate is the most informative.
    if (answer.trust !== 'unendorsed' || endorsement.certificate === undefined) endorsement = answer
    if (answer.trust !== 'unendorsed') break
  }
  return { endorsement, byName }
}

async function ask(
  anchor: TrustAnchor,
  ak: ParsedEvidence['ak'],
  now: Date | undefined,
): Promise<Endorsement> {
  if (ak.value === undefined) return refuse('STRUCTURE_INVALID', 'the key cannot be parsed')
  try {
    return await anchor.endorse(ak.value, now)
  } catch {
    return refuse('ANCHOR_FAILED', `the anchor ${anchor.kind} failed on this key`)
  }
}
