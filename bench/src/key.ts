import { generateKeyPairSync } from 'node:crypto'

/** An RSA-4096 pair as text, which every library and every process can read. */
export interface KeyPem {
  /** PKCS#8. */
  readonly privateKey: string
  /** SPKI. */
  readonly publicKey: string
}

export function makeKey(): KeyPem {
  return generateKeyPairSync('rsa', {
    modulusLength: 4096,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
}
