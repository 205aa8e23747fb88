import { createPublicKey } from 'node:crypto'
import { expect, it } from 'vitest'
import { openJson, sealJson } from '../src/envelope/index.js'
import { exportPrivateKey, generateKeyPair, importPublicKey } from '../src/keys/index.js'
import { expectRefusal } from './support.js'

it('generates a matching RSA-4096 pair that is not extractable', async () => {
  const { publicKey, privateKey } = await generateKeyPair()
  expect([publicKey.bits, privateKey.bits]).toEqual([4096, 4096])
  expect(createPublicKey(publicKey.pem).asymmetricKeyDetails).toEqual({
    modulusLength: 4096,
    publicExponent: 65537n,
  })
  expect((await importPublicKey(publicKey.pem)).fingerprint).toBe(publicKey.fingerprint)
  expect((await openJson(await sealJson({ n: 1 }, publicKey), privateKey)).value).toEqual({ n: 1 })
  expect(privateKey.extractable).toBe(false)
  await expectRefusal(() => exportPrivateKey(privateKey), 'ERR_KEY_NOT_EXTRACTABLE')
})
