import { headerVectors } from '@nomyo-internal/testing/vectors'
import { expect, it } from 'vitest'
import { publicKeyFromHeader, publicKeyToHeader } from '../src/keys/index.js'
import { refusalOf, testPair, expectRefusal } from './support.js'
import { headerRefusal, pinOf, sha256Hex } from '@nomyo-internal/testing/vectors/expectations'

const { spkiSha256, vectors } = headerVectors()
const accepted = vectors.filter(({ expect }) => expect === 'accept')
const refused = vectors.filter(({ expect }) => expect === 'reject')
const decided = vectors.filter(({ expect }) => expect === 'policy')

async function expectAccepted(value: string): Promise<void> {
  const key = await publicKeyFromHeader(value)
  expect(sha256Hex(key.spkiDer)).toBe(spkiSha256)
  expect(key.fingerprint).toBe(pinOf(spkiSha256))
}

it('puts every vector into one of three kinds', () => {
  expect([accepted.length, refused.length, decided.length]).toEqual([6, 12, 4])
})

it.each(accepted)('accepts: $name', ({ value }) => expectAccepted(value))

it.each(refused)('refuses: $name', async (vector) => {
  await expectRefusal(() => publicKeyFromHeader(vector.value), headerRefusal(vector))
})

// Percent-decoding, not form decoding: a plus sign is a plus sign.
const refuses = (code: string) => (value: string) =>
  expectRefusal(() => publicKeyFromHeader(value), code)
const decisions: Readonly<Record<string, (value: string) => Promise<void>>> = {
  'raw plus signs': expectAccepted,
  'form encoded': refuses('ERR_KEY_INVALID'),
  'two keys': refuses('ERR_KEY_INVALID'),
  'e=3': refuses('ERR_KEY_WEAK'),
}

it('has a decision for every vector left open', () => {
  expect(Object.keys(decisions).sort()).toEqual(decided.map(({ name }) => name).sort())
})

it.each(decided)('decides: $name', async ({ name, value }) => {
  await decisions[name]?.(value)
  expect.hasAssertions()
})

it('does not echo a private key from the header', async () => {
  const { value } = refused.find(({ name }) => name === 'private key')!
  const { message, stack = '' } = await refusalOf(() => publicKeyFromHeader(value))
  for (let start = 0; start + 12 <= value.length; start += 12) {
    const piece = value.slice(start, start + 12)
    expect(message.includes(piece) || stack.includes(piece)).toBe(false)
  }
})

it('reads back what it writes', async () => {
  const { publicKey } = await testPair('client')
  const header = publicKeyToHeader(publicKey)
  expect(header).toMatch(/^[\w%.-]+$/)
  expect(decodeURIComponent(header)).toBe(publicKey.pem)
  expect((await publicKeyFromHeader(header)).fingerprint).toBe(publicKey.fingerprint)
})

it('passes on the smallest size', async () => {
  const { publicKey } = await testPair('client')
  const header = publicKeyToHeader(publicKey)
  await expectRefusal(() => publicKeyFromHeader(header, { minBits: 8192 }), 'ERR_KEY_WEAK')
})

it('decodes no header that is too long', async () => {
  const longest = '%0A'.repeat(4000)
  await expectRefusal(() => publicKeyFromHeader(longest), 'ERR_KEY_INVALID')
  await expectRefusal(() => publicKeyFromHeader(`${longest}A`), 'ERR_KEY_LIMIT')
})
