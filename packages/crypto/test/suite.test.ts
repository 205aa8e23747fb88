import { generateKeyPairSync } from 'node:crypto'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'
import { expect, it } from 'vitest'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import { decodePem } from '../src/keys/pem.js'
import type { PrivateKey, PublicKey } from '../src/suite.js'
import { wireV1 } from '../src/wire-v1/suite.js'
import { testPair, utf8, expectRefusal } from './support.js'

it('a key names its suite, and the suite its label on the wire', async () => {
  const { publicKey, privateKey } = await testPair('server')
  expect(publicKey.suite).toBe(wireV1)
  expect(privateKey.suite).toBe(wireV1)
  expect(wireV1.algorithm).toBe('hybrid-aes256-rsa4096')
})

it('a suite reads private keys as DER, and refuses other kinds of key', async () => {
  const { der } = decodePem(keyText('keys/client.private.pem'))
  const { publicKey } = await testPair('client')
  const use = { extractable: false, parallel: 1, minBits: 4096 }
  const pair = await publicKey.suite.importPrivateKey(der, use)
  expect(pair.publicKey.fingerprint).toBe(publicKey.fingerprint)
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const ecDer = ec.export({ type: 'pkcs8', format: 'der' })
  await expectRefusal(() => wireV1.importPrivateKey(ecDer, use), 'ERR_KEY_TYPE')
  await expectRefusal(() => wireV1.importPrivateKey(der, { ...use, minBits: 4097 }), 'ERR_KEY_WEAK')
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
