import { requireObject, requireOneOf } from '../arguments.js'
import { decodeBase64, encodeBase64 } from '../bytes/base64.js'
import { equalBytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'
import { canonicalJson } from './canonical-json.js'

/**
 * Commitment to a JSON value: SHA-256(salt ‖ canonical JSON). A guess can be checked with the salt only,
 * so disclose a salt only together with the value.
 */
export interface SaltedDigest {
  /** Digest, in base64. */
  readonly sha256: string
  /** 32 bytes in base64; absent where it was removed before the receipt was passed on. */
  readonly salt?: string
}

export const SALT_BYTES = 32

/** Subject of a commitment. That to an answer excludes `_metadata`: a client adds to it. */
export type DigestSubject = 'request' | 'answer'

/** Commits to a value under a fresh salt. */
export async function saltedDigest(value: unknown, subject: DigestSubject): Promise<SaltedDigest> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  return { sha256: encodeBase64(await digestOf(value, subject, salt)), salt: encodeBase64(salt) }
}

/**
 * Tests whether a digest commits to a value; returns undefined without the salt.
 *
 * @param value - output of `JSON.parse`, which rounds large numbers and drops repeated members
 */
export async function digestMatches(
  value: unknown,
  subject: DigestSubject,
  committed: SaltedDigest,
): Promise<boolean | undefined> {
  requireObject(committed, 'the digest')
  requireOneOf(subject, 'subject', ['request', 'answer'])
  const { sha256, salt } = committed
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

/** Removes the member that a client adds to an answer. */
function withoutMetadata(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { _metadata, ...rest } = value as Record<string, unknown>
  return rest
}
