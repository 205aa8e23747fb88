import { platform } from '#crypto-platform'
import { requireBytes } from '../../arguments.js'
import { type Bytes, isEqualInConstantTime, ownBytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { STATEMENT_LABEL, labelled, ascii } from '../labels.js'
import { pkcs8Of, spkiOf } from '../rfc8410.js'

/** The long-lived Ed25519 key of a gateway, whose only purpose is to sign key statements. */
export interface IdentityKey {
  /** DER SubjectPublicKeyInfo, 44 bytes. */
  readonly spkiDer: Bytes
  /** `sha256/` and the base64 of SHA-256 over {@link spkiDer}, the form of a pin. */
  readonly fingerprint: string
  /** Signs the bytes of a key statement; 64 bytes. */
  readonly sign: (statement: Uint8Array) => Promise<Bytes>
}

/** Length of the key itself, at the end of both forms. */
const KEY_BYTES = 32

/**
 * Generates an identity key.
 *
 * @returns the key, and its DER PKCS#8 to keep, which the caller zeroes
 * @example
 * ```ts
 * import { generateIdentityKey } from '@nomyo/crypto/wire-2'
 *
 * const { key, pkcs8Der } = await generateIdentityKey()
 * ```
 */
export async function generateIdentityKey(): Promise<{ key: IdentityKey; pkcs8Der: Bytes }> {
  const secret = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  const pkcs8Der = pkcs8Of('Ed25519', secret)
  secret.fill(0)
  return { key: await importIdentityKey(pkcs8Der), pkcs8Der }
}

/**
 * Imports an identity key and computes its public key.
 *
 * @param pkcs8Der - DER PrivateKeyInfo without attributes, 48 bytes; the caller zeroes it
 * @throws SecurityError `ERR_KEY_INVALID`
 * @example
 * ```ts
 * import { importIdentityKey } from '@nomyo/crypto/wire-2'
 *
 * export async function fingerprintOf(pkcs8Der: Uint8Array) {
 *   return (await importIdentityKey(pkcs8Der)).fingerprint
 * }
 * ```
 */
export async function importIdentityKey(pkcs8Der: Uint8Array): Promise<IdentityKey> {
  requireBytes(pkcs8Der, 'pkcs8Der')
  const { subtle } = crypto
  const own = pkcs8Of('Ed25519', pkcs8Der.subarray(-KEY_BYTES))
  try {
    if (!isEqualInConstantTime(own, pkcs8Der)) throw notIdentity()
    // Extractable for a moment: no other way leads to the public key.
    const exportable = await subtle.importKey('pkcs8', own, 'Ed25519', true, ['sign'])
    const { x = '' } = await subtle.exportKey('jwk', exportable)
    const key = await subtle.importKey('pkcs8', own, 'Ed25519', false, ['sign'])
    const point = atob(x.replaceAll('-', '+').replaceAll('_', '/'))
    const spkiDer = spkiOf('Ed25519', ascii(point))
    return {
      spkiDer,
      fingerprint: await fingerprintOf(spkiDer),
      sign: async (statement) => {
        requireBytes(statement, 'statement')
        return new Uint8Array(await subtle.sign('Ed25519', key, signedBytes(statement)))
      },
    }
  } catch {
    throw notIdentity()
  } finally {
    own.fill(0)
  }
}

/** Returns the fingerprint of an identity if its signature of a statement is valid. */
export async function verifyIdentity(
  statement: Uint8Array,
  spkiDer: Bytes,
  signature: Bytes,
): Promise<string | undefined> {
  const canonical = spkiOf('Ed25519', spkiDer.subarray(-KEY_BYTES))
  if (!isEqualInConstantTime(canonical, spkiDer)) return undefined
  try {
    const key = await crypto.subtle.importKey('spki', spkiDer, 'Ed25519', false, ['verify'])
    const isValid = await crypto.subtle.verify('Ed25519', key, signature, signedBytes(statement))
    return isValid ? await fingerprintOf(spkiDer) : undefined
  } catch {
    return undefined
  }
}

const signedBytes = (statement: Uint8Array): Bytes => labelled(STATEMENT_LABEL, statement)

async function fingerprintOf(spkiDer: Uint8Array): Promise<string> {
  return `sha256/${platform.encodeBase64(await platform.sha256(ownBytes(spkiDer)))}`
}

const notIdentity = (): SecurityError =>
  new SecurityError('ERR_KEY_INVALID', 'Not an Ed25519 key in PKCS#8.')
