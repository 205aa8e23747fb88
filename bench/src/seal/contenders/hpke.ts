import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import type { Sealer } from '../contender.js'

const ENC_BYTES = 32

/**
 * HPKE (RFC 9180) with X25519 and a binary body: another wire format, without RSA and base64. Shows
 * their cost.
 */
export async function hpke(): Promise<Sealer> {
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  })
  const { publicKey: recipientPublicKey, privateKey: recipientKey } =
    await suite.kem.generateKeyPair()
  return {
    seal: async ({ value }) => {
      const json = new TextEncoder().encode(JSON.stringify(value))
      const { enc, ct } = await suite.seal({ recipientPublicKey }, json)
      return Buffer.concat([new Uint8Array(enc), new Uint8Array(ct)])
    },
    open: async (body) => {
      const enc = body.slice(0, ENC_BYTES)
      const json = await suite.open({ recipientKey, enc }, body.subarray(ENC_BYTES))
      return JSON.parse(new TextDecoder().decode(json)) as unknown
    },
  }
}
