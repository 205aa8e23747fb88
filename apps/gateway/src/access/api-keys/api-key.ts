import { createHmac, randomBytes } from 'node:crypto'
import type { Quotas } from '../quota/quota.js'
import type { RateLimit } from '../rate/rate-limit.js'

/** Stored form of an API key: verifies the key and cannot be used in its place. */
export interface ApiKey {
  readonly name: string
  readonly salt: Uint8Array
  /** HMAC-SHA-256 of the key under the salt. */
  readonly hash: Uint8Array
  /** Models the key may be used for. Default: all. */
  readonly models?: readonly string[] | undefined
  /** Security tiers the key may be used for. Default: all. */
  readonly tiers?: readonly string[] | undefined
  /** Limit of this key in place of the general one. */
  readonly rateLimit?: RateLimit | undefined
  /** Quotas of this key in place of the general ones, unit by unit. */
  readonly quotas?: Quotas | undefined
}

export const SALT_BYTES = 16
export const HASH_BYTES = 32
const KEY_BYTES = 32
const PREFIX = 'nomyo_sk_'
/** Length below which a key could be guessed. */
const MIN_LENGTH = 16

/** Form of a key that is given in plaintext: long enough, and fit for a header. */
export const API_KEY_FORM = new RegExp(`^[\\x21-\\x7e]{${MIN_LENGTH},}$`)

/** Description of {@link API_KEY_FORM}, for messages. */
export const API_KEY_DESCRIPTION = `at least ${MIN_LENGTH} visible ASCII characters, without blanks`

/** Creates a key: a prefix for scanners that search for leaked secrets, and 256 random bits. */
export const generateApiKey = (): string => PREFIX + randomBytes(KEY_BYTES).toString('base64url')

/**
 * Hashes a key. Keys of one source share a salt, so that a token is hashed once for all of them: random keys
 * are never equal, and need no salts of their own.
 */
export const hashApiKey = (
  key: string,
  salt: Uint8Array = randomBytes(SALT_BYTES),
): Pick<ApiKey, 'salt' | 'hash'> => ({ salt, hash: saltedHash(key, salt) })

/** Hashes a key under a salt. A fast hash suffices: 256 random bits cannot be guessed, unlike passwords. */
export const saltedHash = (key: string, salt: Uint8Array): Buffer =>
  createHmac('sha256', salt).update(key).digest()
