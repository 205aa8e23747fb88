import { describe, expect, it } from 'vitest'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import { parseEnvelope } from '../src/wire-v1/parse.js'
import { readPlainly } from './envelope-oracle.js'
import { compareWithOracle, outcomeOf } from './parse-differential.js'
import { refusalCodeOf, testPair, textOf, utf8, expectRefusal } from './support.js'

const { publicKey, privateKey } = await testPair('server')
const long = textOf(await sealEnvelope(new Uint8Array(20_000), publicKey))
const short = textOf(await sealEnvelope(new Uint8Array(20), publicKey))

it('reads what JSON.parse reads, and refuses the rest with the same codes', () => {
  const outcomes = compareWithOracle(20_000, 20_261_128)
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(100)
})

describe.each([
  ['long', long],
  ['short', short],
])('of a %s envelope', (_, sealed) => {
  it('reads the parts', () => {
    const parts = parseEnvelope(utf8(sealed), {})
    expect(parts).toEqual(readPlainly(utf8(sealed), {}))
  })

  it.each([
    ['an escape in the ciphertext', sealed.replace('A', '\\u0041')],
    ['an escaped slash in the wrapped key', sealed.replace(/\/(?=[^"]*","key_)/, '\\/')],
    ['an escape in a name', sealed.replace('"nonce"', '"n\\u006fnce"')],
    ['an escape in a label', sealed.replace('"1.0"', '"1\\u002E0"')],
    [
      'the ciphertext once more before',
      sealed.replace('"ciphertext"', '"ciphertext":"","ciphertext"'),
    ],
    ['another long member before it', `{"note":"${'x'.repeat(20_000)}",${sealed.slice(1)}`],
    ['an escaped quote before it', `{"note":"\\"",${sealed.slice(1)}`],
    ['many members before it', `{${'"x":1,'.repeat(100)}${sealed.slice(1)}`],
    ['the payload once more before', `{"encrypted_payload":{"ciphertext":7},${sealed.slice(1)}`],
    [
      'unknown members of every type',
      `{"a":[1,-2.5e3,true,null,"é\\n",{"b":{}}],${sealed.slice(1)}`,
    ],
    ['a member that is longer than exact numbers', `{"a":${'9'.repeat(400)},${sealed.slice(1)}`],
    ['white space everywhere', sealed.replace(/[{}:,]/g, ' \n$&\r\t')],
  ])('accepts %s', (_, text) => {
    expect(text).not.toBe(sealed)
    expect(outcomeOf(utf8(text), {})).toBe('accepted')
  })

  it.each([
    ['the ciphertext once more behind', sealed.replace('"nonce"', '"ciphertext":"AAA","nonce"')],
    ['the payload once more behind', `${sealed.slice(0, -1)},"encrypted_payload":{}}`],
    [
      'a control character in a replaced ciphertext',
      sealed.replace('{"c', '{"ciphertext":"\n","c'),
    ],
    ['the ciphertext under another name', sealed.replace('"ciphertext"', '"other"')],
    ['no end', sealed.slice(0, sealed.length / 2)],
    ['a space in the ciphertext', sealed.replace('"ciphertext":"', '"ciphertext":" ')],
    ['no closing brace', sealed.slice(0, -1)],
    ['bytes that are not UTF-8 before it', `{"\xff":1,${sealed.slice(1)}`],
    ['bytes that are not UTF-8 inside', sealed.replace('"ciphertext":"', '"ciphertext":"\xff')],
    ['a byte order mark', `\xef\xbb\xbf${sealed}`],
    ['a second value', `${sealed}{}`],
    ['a comma behind the last member', `${sealed.slice(0, -1)},}`],
    ['single quotes', sealed.replaceAll('"', "'")],
    ['an array around it', `[${sealed}]`],
  ])('refuses %s', async (_, text) => {
    const body = Uint8Array.from(text, (character) => character.charCodeAt(0))
    expect(outcomeOf(body, {})).toBe('ERR_ENVELOPE_INVALID')
    await expectRefusal(() => openEnvelope(body, privateKey), 'ERR_ENVELOPE_INVALID')
  })

  it('refuses another label', async () => {
    const body = utf8(sealed.replace('"1.0"', '"2.0"'))
    expect(outcomeOf(body, {})).toBe('ERR_ENVELOPE_UNSUPPORTED')
    await expectRefusal(() => openEnvelope(body, privateKey), 'ERR_ENVELOPE_UNSUPPORTED')
  })
})

describe('the work that an envelope may cause', () => {
  const withExtra = (extra: string): Uint8Array => utf8(`{${extra},${short.slice(1)}`)
  const many = (item: string, count: number): string =>
    `"x":[${`${item},`.repeat(count - 1)}${item}]`

  it.each(['{}', '[]', '1', '""', '"plain"', '123456789012345'])(
    'has no limit for plain tokens such as %s',
    (item) => {
      expect(() => parseEnvelope(withExtra(many(item, 300_000)), {})).not.toThrow()
    },
  )

  // Nine of the envelope itself are among the 10,000.
  it.each(['"\\n"', '"é"', 'true', '-1', '0.5', '1234567890123456'])(
    'is limited to 10,000 tokens such as %s',
    async (item) => {
      expect(() => parseEnvelope(withExtra(many(item, 9_991)), {})).not.toThrow()
      const code = await refusalCodeOf(() => parseEnvelope(withExtra(many(item, 9_992)), {}))
      expect(code).toBe('ERR_ENVELOPE_INVALID')
    },
  )

  it('is limited to 10,000 known members', async () => {
    const repeated = (count: number): Uint8Array =>
      withExtra(`${'"version":1,'.repeat(count)}"a":1`)
    expect(() => parseEnvelope(repeated(9_991), {})).not.toThrow()
    await expectRefusal(() => parseEnvelope(repeated(9_992), {}), 'ERR_ENVELOPE_INVALID')
  })
})
