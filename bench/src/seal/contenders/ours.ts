import { importPrivateKey, openJson, sealJson } from '@nomyo/crypto'
import type { KeyPem } from '../../harness/run-context.js'
import type { Contender } from '../contender.js'

/** `sealJson` and `openJson` with their defaults, padding included. */
export async function ours(pem: KeyPem): Promise<Contender> {
  const { publicKey, privateKey } = await importPrivateKey(pem.privateKey)
  return {
    name: 'ours',
    isWireV1: true,
    seal: ({ value }) => sealJson(value, publicKey),
    open: async (body) => (await openJson(body, privateKey)).value,
  }
}
