import { parseJsonObject } from './plaintext.js'
import { zeroize } from '../bytes/zeroize.js'
import type { KeyRing } from '../keys/key-ring.js'
import { SecurityError } from '../errors.js'
import type { OpenOptions, OpenedEnvelope, PrivateKey } from '../suite.js'

/** An opened envelope whose content is a JSON object. */
export interface OpenedJson extends Omit<OpenedEnvelope, 'plaintext'> {
  readonly value: Record<string, unknown>
}

/**
 * Opens an envelope with a private key, or with whichever key of a ring fits. The bytes are
 * attacker-controlled: they are read by one strict, size-limited parser, and nothing of the content
 * is released before its tag is verified. Every way decryption can fail gives the same error.
 *
 * @throws SecurityError `ERR_ENVELOPE_INVALID`, `ERR_ENVELOPE_UNSUPPORTED`, `ERR_ENVELOPE_TOO_LARGE`,
 * `ERR_DECRYPTION_FAILED`, `ERR_KEY_DISPOSED`
 */
export async function openEnvelope(
  body: Uint8Array,
  keys: PrivateKey | KeyRing,
  options: OpenOptions = {},
): Promise<OpenedEnvelope> {
  const privateKeys = 'privateKeys' in keys ? keys.privateKeys : [keys]
  const [newest] = privateKeys
  if (newest === undefined)
    throw new SecurityError('ERR_KEY_DISPOSED', 'There is no key to open with.')
  return newest.suite.open(body, privateKeys, options)
}

/**
 * Opens an envelope and reads its content as a JSON object.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID` and those of {@link openEnvelope}
 */
export async function openJson(
  body: Uint8Array,
  keys: PrivateKey | KeyRing,
  options: OpenOptions = {},
): Promise<OpenedJson> {
  const { plaintext, ...facts } = await openEnvelope(body, keys, options)
  try {
    return { ...facts, value: parseJsonObject(plaintext) }
  } finally {
    zeroize(plaintext)
  }
}
