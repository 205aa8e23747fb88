import { CompactEncrypt, compactDecrypt, importPKCS8, importSPKI } from 'jose'
import type { KeyPem } from '../../harness/run-context.js'
import type { Sealer } from '../contender.js'

const HEADER = { alg: 'RSA-OAEP-256', enc: 'A256GCM' } as const

/** A compact JWE with the same algorithms. */
export async function jose(pem: KeyPem): Promise<Sealer> {
  const publicKey = await importSPKI(pem.publicKey, HEADER.alg)
  const privateKey = await importPKCS8(pem.privateKey, HEADER.alg)
  return {
    seal: async ({ value }) => {
      const json = new TextEncoder().encode(JSON.stringify(value))
      const jwe = await new CompactEncrypt(json).setProtectedHeader(HEADER).encrypt(publicKey)
      return new TextEncoder().encode(jwe)
    },
    open: async (body) => {
      const { plaintext } = await compactDecrypt(body, privateKey)
      return JSON.parse(new TextDecoder().decode(plaintext)) as unknown
    },
  }
}
