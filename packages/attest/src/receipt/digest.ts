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

/** Commits to a value under a fresh salt. */
export async function saltedDigest(value: unknown): Promise<SaltedDigest> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  return { sha256: encodeBase64(await digestOf(value, salt)), salt: encodeBase64(salt) }
}

/**
 * Whether a value is the one a digest was made of; undefined when the salt is not there to tell.
 *
 * @param value - what came out of `JSON.parse`; of an answer, `_metadata` does not count
 */
export async function digestMatches(
  value: unknown,
  { sha256, salt }: SaltedDigest,
): Promise<boolean | undefined> {
  if (salt === undefined) return undefined
  const expected = decodeBase64(sha256)
  const saltBytes = decodeBase64(salt)
  if (expected === undefined || saltBytes === undefined) return false
  return equalBytes(await digestOf(value, saltBytes), expected)
}

const digestOf = (value: unknown, salt: Uint8Array): Promise<Uint8Array> =>
  digest('sha256', salt, new TextEncoder().encode(canonicalJson(withoutMetadata(value))))

/** What a client adds to an answer is not what was sealed. */
function withoutMetadata(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { _metadata, ...rest } = value as Record<string, unknown>
  return rest
}
