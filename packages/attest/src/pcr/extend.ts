import { sha1 } from '@noble/hashes/legacy.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { concat } from '../bytes/digest.js'
import type { HashName } from '../structures/constants.js'

/** Synchronous: a log holds up to hundreds of thousands of digests, too many to await one by one. */
export const HASH_FUNCTIONS: Readonly<Record<HashName, (bytes: Uint8Array) => Uint8Array>> = {
  sha1,
  sha256,
  sha384,
  sha512,
}

/** What TPM2_PCR_Extend makes of a PCR (Part 3, 22.2). */
export function extend(bank: HashName, pcr: Uint8Array, digest: Uint8Array): Uint8Array {
  return HASH_FUNCTIONS[bank](concat(pcr, digest))
}

/** The banks a log is replayed to. What SHA-1 alone covers can be made to fit (SHAttered), so it is none. */
export const STRONG_BANKS = ['sha256', 'sha384', 'sha512'] as const
