import { importPrivateKey, openJson, sealJson } from '@nomyo/crypto'
import { mapValues } from '../../harness/statistics.js'
import type { KeyPem } from '../../harness/run-context.js'
import type { Contender, ContenderName, Sealer } from '../contender.js'
import { hpke } from './hpke.js'
import { jose } from './jose.js'
import { baseline, naive } from './node-crypto.js'
import { webcrypto } from './webcrypto.js'

/** Imports the keys of all contenders. */
export async function makeContenders(pem: KeyPem): Promise<Record<ContenderName, Contender>> {
  const sealers = {
    ours: await ours(pem),
    naive: naive(pem),
    webcrypto: await webcrypto(pem),
    jose: await jose(pem),
    hpke: await hpke(),
    baseline: baseline(pem),
  }
  return mapValues(sealers, (sealer, name) => ({ name, ...sealer }))
}

/** `sealJson` and `openJson` with their defaults, padding included. */
async function ours(pem: KeyPem): Promise<Sealer> {
  const { publicKey, privateKey } = await importPrivateKey(pem.privateKey)
  return {
    seal: ({ value }) => sealJson(value, publicKey),
    open: async (body) => (await openJson(body, privateKey)).value,
  }
}
