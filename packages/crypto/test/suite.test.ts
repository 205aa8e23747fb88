import { expect, it } from 'vitest'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import type { PrivateKey, PublicKey } from '../src/suite.js'
import { wireV1 } from '../src/wire-v1/suite.js'
import { testPair, utf8, expectRefusal } from './support.js'

it('a key names its suite, and the suite its label on the wire', async () => {
  const { publicKey, privateKey } = await testPair('server')
  expect(publicKey.suite).toBe(wireV1)
  expect(privateKey.suite).toBe(wireV1)
  expect(wireV1.algorithm).toBe('hybrid-aes256-rsa4096')
})

it('a key of another suite is refused', async () => {
  const { publicKey, privateKey } = await testPair('server')
  // What the interfaces ask for, without what this suite's keys can do.
  const { suite, bits, spkiDer, pem, fingerprint } = publicKey
  const foreignPublic: PublicKey = { suite, bits, spkiDer, pem, fingerprint }
  const foreignPrivate: PrivateKey = {
    suite,
    bits,
    extractable: false,
    exportPkcs8: () => privateKey.exportPkcs8(),
    dispose: () => undefined,
  }
  const envelope = await sealEnvelope(utf8('{}'), publicKey)
  await expectRefusal(() => sealEnvelope(utf8('{}'), foreignPublic), 'ERR_KEY_TYPE')
  await expectRefusal(() => openEnvelope(envelope, foreignPrivate), 'ERR_KEY_TYPE')
})
