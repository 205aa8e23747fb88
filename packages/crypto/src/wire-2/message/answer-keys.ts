import { wire2Platform } from '#wire-2-platform'
import { type Bytes, zeroize } from '../../bytes/bytes.js'
import { hkdfExpand, hkdfExtract, join } from '../hpke/hkdf.js'
import type { AeadKeys, HpkeSuite } from '../hpke/key-schedule.js'
import { AES_KEY_BYTES, NONCE_BYTES, ascii } from '../labels.js'

/** The secret from which both ends derive the keys of the answer. */
export interface AnswerSecret {
  /** Length of the nonce before an answer: that of the AES key. */
  readonly nonceBytes: number
  readonly keys: (nonce: Uint8Array) => Promise<AeadKeys>
  readonly dispose: () => void
}

/** Wraps the exported secret of an answer, which it zeroes with itself. */
export function answerSecret({ aeadId }: HpkeSuite, secret: Bytes, enc: Bytes): AnswerSecret {
  const keyBytes = AES_KEY_BYTES[aeadId] ?? 32
  return {
    nonceBytes: secret.length,
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
