import { requireBytes } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import type { Bytes } from '../bytes/bytes.js'
import { HASHES, hashName } from '../structures/constants.js'

/**
 * Checks that bytes are a TPM Name made with SHA-2, and copies them.
 *
 * @param subject - subject of the error message
 * @throws PolicyError `ERR_POLICY_INVALID` for other bytes
 */
export function checkedName(name: Uint8Array, subject: string): Bytes {
  requireBytes(name, subject)
  const hash = hashName(((name[0] ?? 0) << 8) + (name[1] ?? 0))
  if (hash === undefined || hash === 'sha1' || name.length !== 2 + HASHES[hash].size) {
    throw new PolicyError(
      `${subject} must be 000b and a SHA-256 hash, or the same with SHA-384 or SHA-512`,
    )
  }
  return new Uint8Array(name)
}
