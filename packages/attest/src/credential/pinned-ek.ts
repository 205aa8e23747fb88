import { equalBytes } from '../bytes/digest.js'
import { PolicyError } from '../errors.js'
import { hashName } from '../structures/constants.js'
import { computeName } from '../structures/name.js'
import type { EkAnchor } from './ek-anchor.js'
import { checkedName } from './names.js'

/**
 * Vouches for the endorsement keys with one of these Names. They are worth what the way is worth on
 * which they came: from the owner of the machine, say, who read them at its console.
 *
 * @param names - TPM Names: two bytes of hash algorithm, then the hash of the public area
 * @throws PolicyError `ERR_POLICY_INVALID` without a Name, and for bytes that are none
 */
export function pinnedEk(...names: readonly Uint8Array[]): EkAnchor {
  if (names.length === 0) throw new PolicyError('pinnedEk needs at least one Name')
  const pinned = names.map((name) => checkedName(name, 'a pinned EK Name'))
  return {
    kind: 'pinned-ek',
    async vouchForEk(ek) {
      const name = hashName(ek.nameAlg) === undefined ? undefined : await computeName(ek)
      return name !== undefined && pinned.some((one) => equalBytes(one, name))
        ? { trust: 'pinned', code: 'EK_PINNED', detail: 'its Name is one of those given' }
        : { trust: 'unendorsed', code: 'EK_NOT_PINNED', detail: 'its Name is none of those given' }
    },
  }
}
