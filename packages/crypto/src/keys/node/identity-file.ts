import { basename, dirname } from 'node:path'
import { requireBytes, requireCallback, requireOptions, requireText } from '../../arguments.js'
import { zeroize } from '../../bytes/bytes.js'
import { importIdentityKey, type IdentityKey } from '../../wire-2/keys/identity.js'
import { exportPkcs8Pem } from '../export.js'
import { requirePassword } from '../import.js'
import { createFile, createFolder } from './create-file.js'
import { MAX_KEY_FILE_BYTES, fileError, quoted, readTrustedFile } from './trusted-file.js'

/** Options for reading an identity key. */
export interface IdentityKeyOptions {
  /** The password of an `ENCRYPTED PRIVATE KEY`; an error for a key that is not encrypted. */
  password?: string
  /** Receives problems that do not prevent reading, such as a file that other users can read. */
  onWarning?: (message: string) => void
}

/**
 * Writes an identity key as PKCS#8 PEM, as `exportPrivateKey` writes RSA keys. The text is a secret and, as a
 * string, cannot be zeroed.
 *
 * @param pkcs8Der - of `generateIdentityKey`; the caller zeroes it
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_PASSWORD`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { encodeIdentityKey } from '@nomyo/crypto/keys/node'
 * import { generateIdentityKey } from '@nomyo/crypto/wire-2'
 *
 * const { pkcs8Der } = await generateIdentityKey()
 * const pem = await encodeIdentityKey(pkcs8Der, { password: 'correct horse battery staple' })
 * pkcs8Der.fill(0)
 * ```
 */
export async function encodeIdentityKey(
  pkcs8Der: Uint8Array,
  options: { password?: string } = {},
): Promise<string> {
  requireBytes(pkcs8Der, 'pkcs8Der')
  requireOptions(options)
  requirePassword(options.password)
  await importIdentityKey(pkcs8Der)
  return exportPkcs8Pem(pkcs8Der, options.password)
}

/**
 * Reads an identity key from PEM: `PRIVATE KEY`, or `ENCRYPTED PRIVATE KEY` with a password.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_LIMIT`, `ERR_KEY_PASSWORD`,
 * `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { decodeIdentityKey } from '@nomyo/crypto/keys/node'
 *
 * export async function fingerprintOf(pem: string) {
 *   return (await decodeIdentityKey(pem)).fingerprint
 * }
 * ```
 */
export function decodeIdentityKey(
  pem: string,
  options: IdentityKeyOptions = {},
): Promise<IdentityKey> {
  return decode(pem, options, 'FILE')
}

async function decode(
  pem: string,
  options: IdentityKeyOptions,
  file: string,
): Promise<IdentityKey> {
  requireText(pem, 'pem')
  requireOptions(options)
  const { password, onWarning } = options
  requirePassword(password)
  requireCallback(onWarning, 'onWarning')
  const { readPkcs8Text } = await import('../private-key-formats.js')
  const pkcs8 = await readPkcs8Text(pem, { password, onWarning, file })
  try {
    return await importIdentityKey(pkcs8)
  } finally {
    zeroize(pkcs8)
  }
}

/**
 * Reads an identity key from a file, under the rules of `readTrustedFile`.
 *
 * @throws SecurityError `ERR_KEY_FILE`, and the codes of {@link decodeIdentityKey}
 * @example
 * ```ts
 * import { loadIdentityKey } from '@nomyo/crypto/keys/node'
 *
 * const { fingerprint } = await loadIdentityKey('keys/identity_key.pem')
 * ```
 */
export async function loadIdentityKey(
  path: string,
  options: IdentityKeyOptions = {},
): Promise<IdentityKey> {
  requireText(path, 'path')
  requireOptions(options)
  requireCallback(options.onWarning, 'onWarning')
  const pem = await readTrustedFile(path, {
    maxBytes: MAX_KEY_FILE_BYTES,
    onForeignAccess: options.onWarning,
  })
  if (pem === undefined) throw fileError(`${path} does not exist.`)
  return decode(pem, options, quoted(path))
}

/**
 * Writes an identity key to a file of mode 0600, which appears whole or not at all, in a folder that is
 * created (0700) if it does not exist. **Nothing is ever overwritten.**
 *
 * @param pkcs8Der - of `generateIdentityKey`; the caller zeroes it
 * @returns false where the file exists
 * @throws SecurityError `ERR_KEY_FILE`, and the codes of {@link encodeIdentityKey}
 * @example
 * ```ts
 * import { saveIdentityKey } from '@nomyo/crypto/keys/node'
 * import { generateIdentityKey } from '@nomyo/crypto/wire-2'
 *
 * const { pkcs8Der } = await generateIdentityKey()
 * await saveIdentityKey('keys/identity_key.pem', pkcs8Der)
 * pkcs8Der.fill(0)
 * ```
 */
export async function saveIdentityKey(
  path: string,
  pkcs8Der: Uint8Array,
  options: { password?: string } = {},
): Promise<boolean> {
  requireText(path, 'path')
  const pem = await encodeIdentityKey(pkcs8Der, options)
  await createFolder(dirname(path))
  return createFile(dirname(path), basename(path), pem, 0o600)
}
