import { PolicyError } from '../attest-error.js'
import { equalBytes } from '../bytes/bytes.js'
import { hashName } from '../structures/constants.js'
import { computeName } from '../structures/name.js'
import { refuse, type EkAnchor } from '../trust/anchor.js'
import { checkedName } from '../trust/checked-name.js'

/**
 * Creates a trust anchor that endorses the endorsement keys with one of these Names. The trust is worth
 * as much as their source: for example the owner of the machine, who read them at its console.
 *
 * @param names - TPM Names: two bytes of hash algorithm, then the hash of the public area
 * @throws PolicyError `ERR_POLICY_INVALID` without a Name, and for bytes that are not one
 */
export function pinnedEk(...names: readonly Uint8Array[]): EkAnchor {
  if (names.length === 0) throw new PolicyError('pinnedEk requires at least one Name')
  const pinned = names.map((name) => checkedName(name, 'a pinned EK Name'))
  return {
    kind: 'pinned-ek',
    async endorseEk(ek) {
      const name = hashName(ek.nameAlg) === undefined ? undefined : await computeName(ek)
      return name !== undefined && pinned.some((one) => equalBytes(one, name))
        ? { trust: 'pinned', code: 'EK_PINNED', detail: 'its Name is a pinned one' }
        : refuse('EK_NOT_PINNED', 'its Name is not a pinned one')
    },
  }
}
