import type { Bytes } from '../bytes/types.js'
import { PolicyError } from '../errors.js'
import { HASHES, hashName } from '../structures/constants.js'

/**
 * A TPM Name made with SHA-2, copied.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for bytes that are none
 */
export function checkedName(name: Uint8Array, whose: string): Bytes {
  const hash = hashName(((name[0] ?? 0) << 8) + (name[1] ?? 0))
  if (hash === undefined || hash === 'sha1' || name.length !== 2 + HASHES[hash].size) {
    throw new PolicyError(`${whose} is 000b and a SHA-256 hash, or SHA-384, SHA-512 alike`)
  }
  return new Uint8Array(name)
}
