import { sha1 } from '@noble/hashes/legacy.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { concat } from '../bytes/bytes.js'
import type { HashName } from './constants.js'

/** Synchronous hashes: a log holds hundreds of thousands of digests, too many to await one by one. */
export const HASH_FUNCTIONS: Readonly<Record<HashName, (bytes: Uint8Array) => Uint8Array>> = {
  sha1,
  sha256,
  sha384,
  sha512,
}

/** Computes a PCR after TPM2_PCR_Extend (Part 3, 22.2). */
export function extend(bank: HashName, pcr: Uint8Array, digest: Uint8Array): Uint8Array {
  return HASH_FUNCTIONS[bank](concat(pcr, digest))
}

/** Banks to replay a log to. Not SHA-1: an attacker can fit a log to it (SHAttered). */
export const STRONG_BANKS = ['sha256', 'sha384', 'sha512'] as const
