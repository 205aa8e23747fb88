import { expect, it } from 'vitest'
import { parsePin, verifyPin } from '../src/keys/index.js'
import { testPair, expectRefusal } from './support.js'
import { pinOf, sha256Hex } from '@nomyo-internal/testing/vectors/expectations'

it('the fingerprint of a key is a pin', async () => {
  const { publicKey } = await testPair('server')
  expect(publicKey.fingerprint).toBe(pinOf(sha256Hex(publicKey.spkiDer)))
  expect(parsePin(publicKey.fingerprint)).toBe(publicKey.fingerprint)
})

const digest = 'A'.repeat(43)

it.each([
  '',
  'sha256/',
  `${digest}=`,
  `sha256/${digest}`,
  `sha256/${digest}==`,
  `sha256:${digest}=`,
  `SHA256/${digest}=`,
  `sha256//${digest}=`,
  `sha1/${'A'.repeat(27)}=`,
  `sha256/${'A'.repeat(27)}=`,
  `sha256/${'A'.repeat(42)}B=`,
  `sha256/${'A'.repeat(44)}`,
  `sha256/${'A'.repeat(44)}AAA=`,
  ` sha256/${digest}=`,
  `sha256/${digest}=\n`,
  `sha256/${'-'.repeat(42)}A=`,
  '00'.repeat(32),
])('"%s" is no pin', async (text) => {
  await expectRefusal(() => parsePin(text), 'ERR_KEY_INVALID')
})

it('a key is accepted by any pin that matches it', async () => {
  const { publicKey } = await testPair('server')
  const other = (await testPair('other')).publicKey.fingerprint
  expect(verifyPin(publicKey, [publicKey.fingerprint])).toBeUndefined()
  expect(verifyPin(publicKey, [other, publicKey.fingerprint])).toBeUndefined()
})

it('a key is refused by pins of others, and where there are none', async () => {
  const { publicKey } = await testPair('server')
  const other = (await testPair('other')).publicKey.fingerprint
  for (const pins of [[], [other], [other, `sha256/${digest}=`]]) {
    await expectRefusal(() => verifyPin(publicKey, pins), 'ERR_KEY_MISMATCH')
  }
})

it('a malformed pin is an error even after one that matches', async () => {
  const { publicKey } = await testPair('server')
  const pins = [publicKey.fingerprint, 'sha256/typo']
  await expectRefusal(() => verifyPin(publicKey, pins), 'ERR_KEY_INVALID')
})
