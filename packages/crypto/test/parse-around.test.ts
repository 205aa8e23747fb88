import { expect, it } from 'vitest'
import { SecurityError } from '../src/errors.js'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import type { EnvelopeParts } from '../src/wire-v1/format.js'
import { parseAroundCiphertext, parseWhole } from '../src/wire-v1/parse.js'
import { seededRandom, type Random } from './seeded-random.js'
import { refusalCodeOf, testPair, textOf, utf8 } from './support.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 1_000_000)
const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 20_261_121)
/** Short, so that inputs are many; longer than every other string of an envelope but one. */
const LEAST_CHARACTERS = 24

it(`never reads what the strict parser does not: ${INPUTS} inputs`, { timeout: 600_000 }, () => {
  const random = seededRandom(SEED)
  const seen = { around: 0, refused: 0, whole: 0 }
  for (let input = 0; input < INPUTS; input++) {
    const body = anyEnvelope(random)
    const options = { acceptAppendedTag: random.below(4) === 0 }
    const around = parseAroundCiphertext(body, options, LEAST_CHARACTERS)
    if (around === undefined && input % 10 !== 0) continue
    const whole = partsOrRefusal(() => parseWhole(body, options))
    if (around !== undefined) {
      seen.around++
      if (whole instanceof SecurityError || !areEqual(around, whole)) {
        // Not by `expect`, which would cost more than all the rest.
        throw new Error(`seed ${SEED}, input ${input}: ${Buffer.from(body).toString('latin1')}`)
      }
    } else if (whole instanceof SecurityError) seen.refused++
    else seen.whole++
  }
  // Of each kind there are many, or nothing was compared.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(INPUTS / 200)
})

const { publicKey, privateKey } = await testPair('server')
const long = textOf(await sealEnvelope(new Uint8Array(20_000), publicKey))

it('is how a long envelope is read', () => {
  const parts = parseAroundCiphertext(utf8(long), {})
  expect(parts).toEqual(parseWhole(utf8(long), {}))
  expect(parts).toBeDefined()
})

it.each([
  ['an escape in the ciphertext', long.replace('A', '\\u0041')],
  ['the ciphertext once more', long.replace('"nonce"', '"ciphertext":"AAAA","nonce"')],
  ['another long member before it', `{"note":"${'x'.repeat(20_000)}",${long.slice(1)}`],
  ['an escaped quote before it', `{"note":"\\"",${long.slice(1)}`],
  ['many members before it', `{${'"x":1,'.repeat(100)}${long.slice(1)}`],
  ['the ciphertext under another name', long.replace('"ciphertext"', '"other"')],
  ['no end', long.slice(0, 12_000)],
])('leaves to the strict parser: %s', (_, text) => {
  expect(parseAroundCiphertext(utf8(text), {})).toBeUndefined()
})

it.each([
  ['ciphertext', long.replace('"ciphertext":"', '"ciphertext":" ')],
  ['a label', long.replace('"1.0"', '"2.0"')],
  ['the JSON behind it', long.slice(0, -1)],
  ['the UTF-8 before it', `{"\xff":1,${long.slice(1)}`],
])('says of a long envelope what the strict parser says: %s', async (_, text) => {
  const body = Uint8Array.from(text, (character) => character.charCodeAt(0))
  const expected = partsOrRefusal(() => parseWhole(body, {}))
  expect(expected).toBeInstanceOf(SecurityError)
  expect(await refusalCodeOf(() => openEnvelope(body, privateKey))).toBe(
    (expected as SecurityError).code,
  )
})

function partsOrRefusal(parse: () => EnvelopeParts): EnvelopeParts | SecurityError {
  try {
    return parse()
  } catch (error) {
    if (error instanceof SecurityError) return error
    throw error
  }
}

const areEqual = (one: EnvelopeParts, other: EnvelopeParts): boolean =>
  Buffer.compare(one.ciphertextAndTag, other.ciphertextAndTag) === 0 &&
  Buffer.compare(one.nonce, other.nonce) === 0 &&
  Buffer.compare(one.wrappedKey, other.wrappedKey) === 0 &&
  one.processedAt === other.processedAt

/** An envelope that is sound, or wrong in ways a sender could think of, with bytes changed or not. */
function anyEnvelope(random: Random): Uint8Array {
  const bytes = Buffer.from(envelopeText(random), 'latin1')
  return random.below(3) === 0 ? withChangedBytes(bytes, random) : bytes
}

const WRAPPED_KEY = Buffer.alloc(256, 7).toString('base64')

function envelopeText(random: Random): string {
  const ciphertext = Buffer.alloc(random.below(80), 'ciphertext').toString('base64')
  const usual = (value: string, others: readonly string[]): string =>
    random.below(12) === 0 ? random.of(others) : value
  const payload = object(random, [
    ['ciphertext', usual(`"${ciphertext}"`, [`"${ciphertext}=="`, '"\\u0041AAA"', ...ODD])],
    ['nonce', usual('"AAAAAAAAAAAAAAAA"', ODD)],
    ['tag', usual('"AAAAAAAAAAAAAAAAAAAAAA=="', ODD)],
  ])
  return object(random, [
    ['version', usual('"1.0"', ODD)],
    ['algorithm', usual('"hybrid-aes256-rsa4096"', ODD)],
    ['encrypted_payload', usual(payload, ODD)],
    ['encrypted_aes_key', usual(`"${WRAPPED_KEY}"`, ODD)],
    ['key_algorithm', '"RSA-OAEP-SHA256"'],
    ['payload_algorithm', '"AES-256-GCM"'],
    ['processed_at', usual('1767225600', ODD)],
  ])
}

const LONG = 'QUJD'.repeat(12)
const ODD = [
  'null',
  '1e999',
  '{}',
  '["]","{"]',
  '""',
  `"${LONG}"`,
  `"${LONG}\\n"`,
  `"${LONG}\\""`,
  `"${LONG}\\\\"`,
  `"${LONG}\n"`,
  '"\xff\xfe"',
  '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]',
]

/** Members in any order, some of them missing, twice, under names of others, or unknown. */
function object(random: Random, members: readonly (readonly [string, string])[]): string {
  const written = members.filter(() => random.below(40) !== 0)
  if (random.below(6) === 0) written.push([random.of(['note', '__proto__', 'tag']), random.of(ODD)])
  if (random.below(8) === 0) written.push(random.of(members))
  if (random.below(8) === 0) written.push([random.of(members)[0], random.of(ODD)])
  if (random.below(4) === 0) random.shuffle(written)
  const space = random.of(['', '', '', ' ', '\n\t'])
  const texts = written.map(([name, value]) => `${space}"${name}"${space}:${space}${value}`)
  return `{${texts.join(',')}${space}}`
}

function withChangedBytes(bytes: Buffer, random: Random): Uint8Array {
  const position = random.below(bytes.length)
  switch (random.below(4)) {
    case 0:
      bytes[position] = random.below(256)
      return bytes
    case 1:
      bytes[position] = random.of([0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x2c, 0x3d, 0x0a])
      return bytes
    case 2:
      return Buffer.concat([bytes.subarray(0, position), bytes.subarray(position + 1)])
    default:
      return bytes.subarray(0, position)
  }
}
