import { importPrivateKey, openJson, sealJson } from '@nomyo/crypto'
import type { KeyPem } from '../../harness/run-context.js'
import type { Contender, ContenderName } from '../contender.js'
import { hpke } from './hpke.js'
import { jose } from './jose.js'
import { baseline, naive } from './node-crypto.js'
import { webcrypto } from './webcrypto.js'

/** Imports the keys of all contenders. */
export const makeContenders = async (pem: KeyPem): Promise<Record<ContenderName, Contender>> => ({
  ours: await ours(pem),
  naive: naive(pem),
  webcrypto: await webcrypto(pem),
  jose: await jose(pem),
  hpke: await hpke(),
  baseline: baseline(pem),
})

/** `sealJson` and `openJson` with their defaults, padding included. */
async function ours(pem: KeyPem): Promise<Contender> {
  const { publicKey, privateKey } = await importPrivateKey(pem.privateKey)
  return {
    name: 'ours',
    isWireV1: true,
    seal: ({ value }) => sealJson(value, publicKey),
    open: async (body) => (await openJson(body, privateKey)).value,
  }
}
