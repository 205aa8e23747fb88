import { wire2Platform } from '#wire-2-platform'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { hkdfExpand, hkdfExtract, join } from '../hpke/hkdf.js'
import {
  type AeadKeys,
  type HpkeSecrets,
  type HpkeSuite,
  exportSecret,
} from '../hpke/key-schedule.js'
import { AES_KEY_BYTES, ANSWER_SECRET, NONCE_BYTES, ascii } from '../labels.js'

/** The secret from which both ends derive the keys of the answer. */
export interface AnswerSecret {
  /** Length of the nonce before an answer: that of the AES key. */
  readonly nonceBytes: number
  readonly keys: (nonce: Uint8Array) => Promise<AeadKeys>
  readonly dispose: () => void
}

/** Exports the secret of the answer from the context of its request. */
export async function answerSecret(
  suite: HpkeSuite,
  secrets: HpkeSecrets,
  enc: Bytes,
): Promise<AnswerSecret> {
  const keyBytes = AES_KEY_BYTES[suite.aeadId] ?? 32
  const nonceBytes = Math.max(keyBytes, NONCE_BYTES)
  const secret = await exportSecret(suite, secrets, ascii(ANSWER_SECRET), nonceBytes)
  return {
    nonceBytes,
    keys: async (nonce) => {
      const key = await hkdfExtract(join(enc, nonce), secret)
      try {
        const mac = wire2Platform.hmacSha256(key)
        return {
          key: await hkdfExpand(mac, ascii('key'), keyBytes),
          baseNonce: await hkdfExpand(mac, ascii('nonce'), NONCE_BYTES),
        }
      } finally {
        zeroize(key)
      }
    },
    dispose: () => {
      zeroize(secret)
    },
  }
}
