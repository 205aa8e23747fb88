import { createHmac, randomBytes } from 'node:crypto'
import type { RateLimit } from './rate-limit.js'

/** What is kept of an API key: enough to know it again, and too little to use it. */
export interface ApiKey {
  readonly name: string
  readonly salt: Uint8Array
  /** HMAC-SHA-256 of the key under the salt. */
  readonly hash: Uint8Array
  /** Models it may ask for; without them, all. */
  readonly models?: readonly string[]
  /** Security tiers it may ask for; without them, all. */
  readonly tiers?: readonly string[]
  /** Its own limit instead of that of all others. */
  readonly rateLimit?: RateLimit
}

export const SALT_BYTES = 16
export const HASH_BYTES = 32
const KEY_BYTES = 32
const PREFIX = 'nomyo_sk_'

/** A new key: a prefix that scanners for leaked secrets can look for, and 256 random bits. */
export const generateApiKey = (): string => PREFIX + randomBytes(KEY_BYTES).toString('base64url')

/** A salt of its own and the hash of a key under it. */
export function hashApiKey(key: string): { salt: Uint8Array; hash: Uint8Array } {
  const salt = randomBytes(SALT_BYTES)
  return { salt, hash: saltedHash(key, salt) }
}

/**
 * Fast, and that is enough: slow hashes are for passwords, which can be guessed. Nobody guesses 256
 * random bits.
 */
export const saltedHash = (key: string, salt: Uint8Array): Buffer =>
  createHmac('sha256', salt).update(key).digest()
