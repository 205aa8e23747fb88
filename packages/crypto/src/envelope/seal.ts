import { MAX_PLAINTEXT_DEPTH, isDeeperThan } from './plaintext.js'
import type { Bytes } from '../bytes/types.js'
import { zeroize } from '../bytes/zeroize.js'
import { SecurityError } from '../errors.js'
import type { PublicKey, SealOptions } from '../suite.js'
import { encodeJson, type Padding } from './padding.js'

/** How to seal a JSON value. */
export interface SealJsonOptions extends SealOptions {
  /** Default `padme`. */
  padding?: Padding
}

/**
 * Seals bytes for one recipient. Every call uses a fresh key and nonce; the same bytes never give
 * the same envelope.
 *
 * @returns the envelope as it goes over the wire
 */
export function sealEnvelope(
  plaintext: Uint8Array,
  recipient: PublicKey,
  options: SealOptions = {},
): Promise<Bytes> {
  return recipient.suite.seal(plaintext, recipient, options)
}

/**
 * Seals a JSON value for one recipient, its length hidden by trailing white space.
 *
 * @param value - anything `JSON.stringify` gives a text for
 * @throws SecurityError `ERR_ENVELOPE_TOO_LARGE` for a value nested deeper than {@link openJson} reads
 */
export async function sealJson(
  value: unknown,
  recipient: PublicKey,
  options: SealJsonOptions = {},
): Promise<Bytes> {
  const { padding = 'padme', ...sealOptions } = options
  const padded = encode(value, padding)
  try {
    if (isDeeperThan(MAX_PLAINTEXT_DEPTH, padded)) throw tooDeep()
    return await sealEnvelope(padded, recipient, sealOptions)
  } finally {
    zeroize(padded)
  }
}

/** Some engines give up on deep nesting with a RangeError, others write it: here neither passes. */
function encode(value: unknown, padding: Padding): Bytes {
  try {
    const padded = encodeJson(value, padding)
    if (padded !== undefined) return padded
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  throw tooDeep()
}

const tooDeep = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The value is nested too deep to be sealed.')
