import { hasMember, requireBytes, requireKey, requireOptions } from '../arguments.js'
import { zeroize } from '../bytes/bytes.js'
import { MAX_PLAINTEXT_DEPTH, parseJsonObject } from '../bytes/json-object.js'
import type { KeyRing } from '../keys/key-ring.js'
import { SecurityError } from '../errors.js'
import type { OpenOptions, OpenedEnvelope, PrivateKey } from '../suite.js'

/** An opened envelope whose content is a JSON object. */
export interface OpenedJson extends Omit<OpenedEnvelope, 'plaintext'> {
  readonly value: Record<string, unknown>
}

/**
 * Opens an envelope with a private key, or with the matching key of a ring. The bytes are
 * attacker-controlled: one strict, bounded parser reads them, and no content is released before its
 * tag is verified. All failures to decrypt give the same error.
 *
 * @throws SecurityError `ERR_ENVELOPE_INVALID`, `ERR_ENVELOPE_UNSUPPORTED`, `ERR_ENVELOPE_TOO_LARGE`,
 * `ERR_DECRYPTION_FAILED`, `ERR_KEY_DISPOSED`, `ERR_KEY_TYPE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { generateKeyPair, openEnvelope, sealEnvelope } from '@nomyo/crypto'
 *
 * const { publicKey, privateKey } = await generateKeyPair()
 * const body = await sealEnvelope(new TextEncoder().encode('content'), publicKey)
 * const { plaintext } = await openEnvelope(body, privateKey, { maxBytes: 1024 * 1024 })
 * ```
 */
export async function openEnvelope(
  body: Uint8Array,
  keys: PrivateKey | KeyRing,
  options: OpenOptions = {},
): Promise<OpenedEnvelope> {
  requireBytes(body, 'body')
  requireOptions(options)
  if (!hasMember(keys, 'privateKeys')) requireKey(keys, 'keys', 'exportPkcs8')
  const privateKeys = 'privateKeys' in keys ? keys.privateKeys : [keys]
  const [newest] = privateKeys
  if (newest === undefined) throw new SecurityError('ERR_KEY_DISPOSED', 'The key ring is empty.')
  return newest.suite.open(body, privateKeys, options)
}

/**
 * Opens an envelope and reads its content as a JSON object.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`, and the codes of {@link openEnvelope}
 * @example
 * ```ts
 * import { generateKeyPair, openJson, sealJson } from '@nomyo/crypto'
 *
 * const { publicKey, privateKey } = await generateKeyPair()
 * const { value, replayId } = await openJson(await sealJson({ n: 1 }, publicKey), privateKey)
 * ```
 */
export async function openJson(
  body: Uint8Array,
  keys: PrivateKey | KeyRing,
  options: OpenOptions = {},
): Promise<OpenedJson> {
  const { plaintext, ...facts } = await openEnvelope(body, keys, options)
  try {
    return {
      ...facts,
      value: await parseJsonObject(plaintext, 'ERR_PLAINTEXT_INVALID', MAX_PLAINTEXT_DEPTH),
    }
  } finally {
    zeroize(plaintext)
  }
}

/**
 * Reads bytes as a JSON object, as {@link openJson} reads content. The caller zeroes the bytes.
 *
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`, `ERR_ENVELOPE_TOO_LARGE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { decodeJson } from '@nomyo/crypto'
 *
 * const value = await decodeJson(new TextEncoder().encode('{"n":1}'))
 * ```
 */
export async function decodeJson(bytes: Uint8Array): Promise<Record<string, unknown>> {
  requireBytes(bytes, 'bytes')
  return parseJsonObject(bytes, 'ERR_PLAINTEXT_INVALID', MAX_PLAINTEXT_DEPTH)
}
