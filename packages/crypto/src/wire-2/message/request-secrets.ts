import { requireBytes, requireMember } from '../../arguments.js'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { cannotOpen } from '../chunks/opener.js'
import { join } from '../hpke/hkdf.js'
import { type AeadKeys, type HpkeSuite, exportSecret, keySchedule } from '../hpke/key-schedule.js'
import type { KemPrivateKey } from '../kem/kem.js'
import { AES_KEY_BYTES, ANSWER_SECRET, NONCE_BYTES, ascii } from '../labels.js'
import { HEADER_BYTES, isSupported, readHeader, requestInfo } from './request-header.js'

/** The secrets of one request. Both ends hold the same. */
export interface RequestSecrets extends AeadKeys {
  /** From which the keys of the answer are derived. */
  readonly answer: Bytes
}

/** Derives the secrets of a request from its header and the encapsulated secret, which it zeroes. */
export async function requestSecrets(
  suite: HpkeSuite,
  header: Uint8Array,
  sharedSecret: Bytes,
): Promise<RequestSecrets> {
  const secrets = await keySchedule(suite, sharedSecret, requestInfo(header))
  const { key, baseNonce } = secrets
  const length = Math.max(key.length, NONCE_BYTES)
  const answer = await exportSecret(suite, secrets, ascii(ANSWER_SECRET), length)
  zeroize(sharedSecret, secrets.exporterSecret)
  return { key, baseNonce, answer }
}

/**
 * Decapsulates, and derives all secrets of a request: the work of {@link openRequest} that a program may do in another
 * thread, as the `deriveSecrets` of a key.
 *
 * @param key - the private key that the request names
 * @param head - the header and the encapsulated secret, with which a request begins
 * @returns the secrets, for `openRequest` alone; the caller zeroes them
 * @throws SecurityError `ERR_ARGUMENT_INVALID`, `ERR_DECRYPTION_FAILED`, `ERR_KEY_DISPOSED`
 * @example
 * ```ts
 * import { deriveRequestSecrets, type KemPrivateKey } from '@nomyo/crypto/wire-2'
 *
 * export const inThread = (key: KemPrivateKey, head: Uint8Array) => deriveRequestSecrets(key, head)
 * ```
 */
export async function deriveRequestSecrets(
  key: Pick<KemPrivateKey, 'decapsulate'>,
  head: Uint8Array,
): Promise<Bytes> {
  requireMember(key, 'key', 'decapsulate')
  requireBytes(head, 'head')
  if (head.length < HEADER_BYTES) throw cannotOpen()
  const suite = readHeader(head)
  if (!isSupported(suite)) throw cannotOpen()
  const sharedSecret = await key.decapsulate(head.slice(HEADER_BYTES))
  const secrets = await requestSecrets(suite, head.subarray(0, HEADER_BYTES), sharedSecret)
  const parts = [secrets.key, secrets.baseNonce, secrets.answer]
  const joined = join(...parts)
  zeroize(...parts)
  return joined
}

/** Splits the result of {@link deriveRequestSecrets}, which it zeroes. */
export function splitSecrets({ aeadId }: HpkeSuite, joined: Bytes): RequestSecrets {
  const keyBytes = AES_KEY_BYTES[aeadId] ?? 32
  const nonceEnd = keyBytes + NONCE_BYTES
  try {
    if (joined.length !== nonceEnd + Math.max(keyBytes, NONCE_BYTES)) throw cannotOpen()
    return {
      key: joined.slice(0, keyBytes),
      baseNonce: joined.slice(keyBytes, nonceEnd),
      answer: joined.slice(nonceEnd),
    }
  } finally {
    zeroize(joined)
  }
}
