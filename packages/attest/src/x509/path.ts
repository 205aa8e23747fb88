import type { Certificate } from './certificate.js'
import { KEY_USAGE } from './extensions.js'
import { isSignedBy } from './signature.js'

/** Certificates that may issue the leaf or one another. */
export interface Issuers {
  readonly intermediates: readonly Certificate[]
  /** Trusted as names with keys: the rest of their certificates is ignored (RFC 5280, section 6.1.1). */
  readonly roots: readonly Certificate[]
}

/** Most intermediates that are read; the longest known path, of Intel's CAs on a chip, has five. */
export const MAX_INTERMEDIATES = 8
/** Longest path in certificates, leaf and root included: length alone never ends one. */
const MAX_PATH = MAX_INTERMEDIATES + 2

/** anyExtendedKeyUsage, 2.5.29.37.0 */
const ANY_PURPOSE = '551d2500'

/**
 * Finds a path from the leaf to a root, each certificate signed by the next (RFC 5280, section 6.1,
 * without policies and name constraints: a critical one of those is refused by the parser).
 *
 * Breadth first, and each intermediate is reached once, on the shortest path: the work is bounded by
 * the square of their number, even if names and keys repeat.
 *
 * @param accepted - OIDs in hex, one of which the path must be valid for
 * @returns leaf and intermediates, without the root; undefined when no path exists
 */
export async function findPath(
  leaf: Certificate,
  { intermediates, roots }: Issuers,
  accepted: readonly string[],
): Promise<readonly Certificate[] | undefined> {
  let ends: (readonly Certificate[])[] = [[leaf]]
  let unreached = intermediates
  for (let length = 1; length < MAX_PATH; length++) {
    for (const path of ends) {
      for (const root of roots) {
        if (await issued(root, path)) return path
      }
    }
    if (length + 1 === MAX_PATH) break
    const longer: (readonly Certificate[])[] = []
    for (const candidate of unreached) {
      if (!mayIssue(candidate, length - 1, accepted)) continue
      for (const path of ends) {
        if (!(await issued(candidate, path))) continue
        longer.push([...path, candidate])
        break
      }
    }
    ends = longer
    unreached = unreached.filter((candidate) => longer.every((path) => path.at(-1) !== candidate))
  }
  return undefined
}

async function issued(issuer: Certificate, path: readonly Certificate[]): Promise<boolean> {
  const last = path.at(-1)
  return last?.issuer === issuer.subject && isSignedBy(last, issuer)
}

/** `below`: number of CA certificates between this one and the leaf; self-issued ones count. */
function mayIssue(
  { extensions }: Certificate,
  below: number,
  accepted: readonly string[],
): boolean {
  const { isCa, pathLength = below, keyUsage = KEY_USAGE.keyCertSign, purposes } = extensions
  const isForPurpose =
    purposes?.some((purpose) => purpose === ANY_PURPOSE || accepted.includes(purpose)) ?? true
  return isCa && pathLength >= below && (keyUsage & KEY_USAGE.keyCertSign) !== 0 && isForPurpose
}
