import { PolicyError } from '../attest-error.js'
import { equalBytes } from '../bytes/bytes.js'
import { refuse, type TrustAnchor } from './anchor.js'
import { checkedName } from './checked-name.js'

/**
 * Creates a trust anchor that endorses the attestation keys with one of these Names. The trust is worth
 * as much as the source of the Names: obtain them from the operator out of band, not over the
 * connection they protect.
 *
 * @param names - TPM Names: two bytes of hash algorithm, then the hash of the public area
 * @throws PolicyError `ERR_POLICY_INVALID` without a Name, and for bytes that are not one
 * @example
 * ```ts
 * import { pinnedAk } from '@nomyo/attest'
 *
 * declare const akName: Uint8Array
 *
 * const anchor = pinnedAk(akName)
 * ```
 */
export function pinnedAk(...names: readonly Uint8Array[]): TrustAnchor {
  if (names.length === 0) throw new PolicyError('pinnedAk requires at least one Name')
  const pinned = names.map((name) => checkedName(name, 'a pinned AK Name'))
  return {
    kind: 'pinned-ak',
    endorse: (key) =>
      Promise.resolve(
        pinned.some((name) => equalBytes(name, key.name))
          ? { trust: 'pinned', code: 'AK_PINNED', detail: 'its Name is a pinned one' }
          : refuse('AK_NOT_PINNED', 'its Name is not a pinned one'),
      ),
  }
}
