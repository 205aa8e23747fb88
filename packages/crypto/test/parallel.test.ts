import { expect, it } from 'vitest'
import { openJson, sealJson } from '../src/envelope/index.js'
import { exportPrivateKey, generateKeyPair, importPrivateKey } from '../src/keys/index.js'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'
import { expectRefusal } from './support.js'

const pem = keyText('keys/client.private.pem')

it.each([1, 3])('opens the requested number at a time with parallel %d', async (parallel) => {
  const { publicKey, privateKey } = await importPrivateKey(pem, { parallel })
  const numbers = [1, 2, 3, 4, 5, 6, 7]
  const envelopes = await Promise.all(numbers.map((number) => sealJson({ number }, publicKey)))
  const opened = await Promise.all(envelopes.map((envelope) => openJson(envelope, privateKey)))
  expect(opened.map(({ value }) => value['number'])).toEqual(numbers)
  privateKey.dispose()
  await expectRefusal(() => openJson(envelopes[0]!, privateKey), 'ERR_KEY_DISPOSED')
})

it.each([0, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY, 1025, '2'])(
  'refuses parallel %o',
  async (number) => {
    const options = { parallel: number as number }
    await expectRefusal(() => importPrivateKey(pem, options), 'ERR_ARGUMENT_INVALID')
    await expectRefusal(() => generateKeyPair(options), 'ERR_ARGUMENT_INVALID')
  },
)

it('uses a copy of its own for each of them', async () => {
  const { publicKey, privateKey } = await importPrivateKey(pem, { parallel: 2 })
  const envelope = await sealJson({}, publicKey)
  const used = new Map<CryptoKey, number>()
  const { subtle } = crypto
  const decrypt = subtle.decrypt.bind(subtle)
  subtle.decrypt = (algorithm, key, data) => {
    used.set(key, (used.get(key) ?? 0) + (key.algorithm.name === 'RSA-OAEP' ? 1 : 0))
    return decrypt(algorithm, key, data)
  }
  try {
    await Promise.all([1, 2, 3, 4].map(() => openJson(envelope, privateKey)))
  } finally {
    Reflect.deleteProperty(subtle, 'decrypt')
  }
  expect([...used.values()].filter((times) => times > 0)).toEqual([2, 2])
})

it('generates keys that are extractable only on request', { timeout: 60_000 }, async () => {
  const [kept, given] = await Promise.all([
    generateKeyPair({ parallel: 2 }),
    generateKeyPair({ parallel: 2, extractable: true }),
  ])
  await expectRefusal(() => exportPrivateKey(kept.privateKey), 'ERR_KEY_NOT_EXTRACTABLE')
  expect(await exportPrivateKey(given.privateKey)).toContain('PRIVATE KEY')
  const envelope = await sealJson({ a: 1 }, kept.publicKey)
  expect((await openJson(envelope, kept.privateKey)).value).toEqual({ a: 1 })
})
