import { decodeBase64, encodeBase64 } from '../bytes/base64.js'
import { digest, equalBytes } from '../bytes/digest.js'
import { canonicalJson } from './canonical-json.js'

/**
 * A commitment to a JSON value: SHA-256(salt ‖ canonical JSON). Without the salt nobody can check a
 * guess; with it, anybody can, so that a salt is given away only with what it is for.
 */
export interface SaltedDigest {
  /** In base64. */
  readonly sha256: string
  /** 32 bytes in base64; absent where it was taken out before the receipt was passed on. */
  readonly salt?: string
}

export const SALT_BYTES = 32

/** What is committed to. Of an answer, `_metadata` does not count: a client adds to it. */
export type DigestSubject = 'request' | 'answer'

/** Commits to a value under a fresh salt. */
export async function saltedDigest(value: unknown, subject: DigestSubject): Promise<SaltedDigest> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  return { sha256: encodeBase64(await digestOf(value, subject, salt)), salt: encodeBase64(salt) }
}

/**
 * Whether a value is the one a digest was made of; undefined when the salt is not there to tell.
 *
 * @param value - what came out of `JSON.parse`: numbers beyond a double's, and members that stand twice,
 * are what that makes of them
 */
export async function digestMatches(
  value: unknown,
  subject: DigestSubject,
  { sha256, salt }: SaltedDigest,
): Promise<boolean | undefined> {
  if (salt === undefined) return undefined
  const expected = decodeBase64(sha256)
  const saltBytes = decodeBase64(salt)
  if (expected === undefined || saltBytes === undefined) return false
  return equalBytes(await digestOf(value, subject, saltBytes), expected)
}

function digestOf(value: unknown, subject: DigestSubject, salt: Uint8Array): Promise<Uint8Array> {
  const committed = subject === 'answer' ? withoutMetadata(value) : value
  return digest('sha256', salt, new TextEncoder().encode(canonicalJson(committed)))
}

/** What a client adds to an answer is not what was sealed. */
function withoutMetadata(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { _metadata, ...rest } = value as Record<string, unknown>
  return rest
}
