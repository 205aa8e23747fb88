import { equalBytes } from '../bytes/digest.js'
import { PolicyError } from '../errors.js'
import { HASHES, hashName } from '../structures/constants.js'
import type { TrustAnchor } from './anchor.js'

/**
 * Vouches for the attestation keys with one of these Names. Where the Names come from is what the
 * trust is worth: ask the operator for them over another way than the connection they protect.
 *
 * @param names - TPM Names: two bytes of hash algorithm, then the hash of the public area
 * @throws PolicyError `ERR_POLICY_INVALID` without a Name, and for bytes that are none
 */
export function pinnedAk(...names: readonly Uint8Array[]): TrustAnchor {
  if (names.length === 0) throw new PolicyError('pinnedAk needs at least one Name')
  for (const name of names) {
    const hash = hashName(((name[0] ?? 0) << 8) + (name[1] ?? 0))
    if (hash === undefined || hash === 'sha1' || name.length !== 2 + HASHES[hash].size) {
      throw new PolicyError(
        'a pinned AK Name is 000b and a SHA-256 hash, or SHA-384, SHA-512 alike',
      )
    }
  }
  const pinned = names.map((name) => new Uint8Array(name))
  return {
    kind: 'pinned-ak',
    vouchFor: (key) =>
      Promise.resolve(
        pinned.some((name) => equalBytes(name, key.name))
          ? { trust: 'pinned', code: 'AK_PINNED', detail: 'its Name is one of those given' }
          : {
              trust: 'unendorsed',
              code: 'AK_NOT_PINNED',
              detail: 'its Name is none of those given',
            },
      ),
  }
}
