import { SecurityError } from '../src/errors.js'
import type { OpenOptions } from '../src/suite.js'
import type { EnvelopeParts } from '../src/wire-v1/format.js'
import { parseEnvelope } from '../src/wire-v1/parse.js'
import { readPlainly } from './envelope-oracle.js'
import { seededRandom, type Random } from '@nomyo-internal/testing'

/** Number of inputs of a comparison by outcome. */
export interface Outcomes {
  accepted: number
  ERR_ENVELOPE_INVALID: number
  ERR_ENVELOPE_UNSUPPORTED: number
  ERR_ENVELOPE_TOO_LARGE: number
}

/**
 * Compares the reader with the oracle: for envelopes that are sound or wrong in ways a sender could
 * think of, both accept the same ones with the same parts, and give the same codes for all others.
 */
export async function compareWithOracle(inputs: number, seed: number): Promise<Outcomes> {
  const random = seededRandom(seed)
  const outcomes: Outcomes = {
    accepted: 0,
    ERR_ENVELOPE_INVALID: 0,
    ERR_ENVELOPE_UNSUPPORTED: 0,
    ERR_ENVELOPE_TOO_LARGE: 0,
  }
  for (let input = 0; input < inputs; input++) {
    const body = anyEnvelope(random)
    const outcome = await outcomeOf(body, { acceptAppendedTag: random.below(4) === 0 })
    if (outcome === undefined) {
      // Not by `expect`, which would cost more than all the rest.
      const text = Buffer.from(body)
        .toString('latin1')
        .replace(/\w{200,}/g, '…')
      throw new Error(`seed ${seed}, input ${input}: ${text.slice(0, 2000)}`)
    }
    outcomes[outcome]++
  }
  return outcomes
}

/** Returns the outcome of the reader; undefined where the oracle differs. */
export async function outcomeOf(
  body: Uint8Array,
  options: OpenOptions,
): Promise<keyof Outcomes | undefined> {
  const expected = readPlainly(body, options)
  try {
    const parts = await parseEnvelope(body, options)
    return 'nonce' in expected && areEqual(parts, expected) ? 'accepted' : undefined
  } catch (error) {
    if (!(error instanceof SecurityError)) throw error
    const code = error.code as Exclude<keyof Outcomes, 'accepted'>
    return !('nonce' in expected) && expected.includes(code) ? code : undefined
  }
}

const areEqual = (one: EnvelopeParts, other: EnvelopeParts): boolean =>
  Buffer.compare(one.ciphertextAndTag, other.ciphertextAndTag) === 0 &&
  Buffer.compare(one.nonce, other.nonce) === 0 &&
  Buffer.compare(one.wrappedKey, other.wrappedKey) === 0 &&
  one.processedAt === other.processedAt &&
  one.tagIsAppended === other.tagIsAppended

/** An envelope that is sound, or wrong in ways a sender could think of, with bytes changed or not. */
function anyEnvelope(random: Random): Uint8Array {
  const bytes = Buffer.from(envelopeText(random), 'latin1')
  // More could be refused for its size alone.
  if (bytes.length > 64 * 1024) return anyEnvelope(random)
  return random.below(3) === 0 ? withChangedBytes(bytes, random) : bytes
}

const WRAPPED_KEY = Buffer.alloc(256, 7).toString('base64')

function envelopeText(random: Random): string {
  const size = random.below(80) + (random.below(25) === 0 ? LONG_BYTES : 0)
  const ciphertext = Buffer.alloc(size, 'ciphertext').toString('base64')
  const usual = (value: string, others: readonly string[]): string =>
    random.below(12) === 0
      ? random.of(others)
      : random.below(12) === 0 && value.startsWith('"')
        ? withEscapes(value, random)
        : value
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
    ['key_algorithm', usual('"RSA-OAEP-SHA256"', ODD)],
    ['payload_algorithm', usual('"AES-256-GCM"', ODD)],
    ['processed_at', usual('1767225600', ODD)],
  ])
}

const LONG = 'QUJD'.repeat(12)
/** Around the size of a ciphertext that is not parsed as JSON. */
const LONG_BYTES = 12_250
const ODD = [
  ...['', '=', '*', '\\n', '\\"'].map((end) => `"${'QUJD'.repeat(4097)}${end}"`),
  ...'null true false nul True {} [] [,] [1,] {"a"} {"a":1,}'.split(' '),
  ...'0 -0 00 01 - +1 .5 1. 1.5 1e 1e5 1E-5 1e+05 -1.5e300 1e999 -1e999'.split(' '),
  ...'123456789012345 1234567890123456 12345678901234567890 0x10 1_0'.split(' '),
  ...['["]","{"]', '[{},[[]],{"a":[1,"b",null]}]', '[1 ,2\n]', '[1\x0b]', '{"a" :{"b":[]}}', "'a'"],
  ...String.raw`"" "\u0031.0" "\u00e9" "\ud800" "\u12G4" "\x41" "\"`.split(' '),
  ...['"\t"', '"\x7f"'],
  ...['', '\\n', '\\"', '\\\\', '\n'].map((end) => `"${LONG}${end}"`),
  '"\xc3\xa9"',
  '"\xef\xbb\xbf"',
  '"\xff\xfe"',
  '"\xed\xa0\x80"',
  `${'['.repeat(30)}${']'.repeat(30)}`,
  `${'['.repeat(33)}${']'.repeat(33)}`,
  '['.repeat(33),
]

/** Members in any order, some of them missing, twice, under names of others, or unknown. */
function object(random: Random, members: readonly (readonly [string, string])[]): string {
  const written = members.filter(() => random.below(40) !== 0)
  if (random.below(6) === 0) written.push([random.of(NAMES), random.of(ODD)])
  if (random.below(8) === 0) written.push(random.of(members))
  if (random.below(8) === 0) written.push([random.of(members)[0], random.of(ODD)])
  if (random.below(4) === 0) random.shuffle(written)
  const space = random.of(['', '', '', ' ', '\n\t', '\r'])
  const texts = written.map(([name, value]) => {
    const quoted = random.below(30) === 0 ? withEscapes(`"${name}"`, random) : `"${name}"`
    return `${space}${quoted}${space}:${space}${value}`
  })
  return `{${texts.join(',')}${space}}`
}

const NAMES = ['\xc3\xa9', '\\"tag', ...'note,__proto__,constructor,tag,nonc,nonce ,'.split(',')]

/** The same JSON string with some of its characters as escapes. */
const withEscapes = (quoted: string, random: Random): string =>
  `"${quoted
    .slice(1, -1)
    .replace(/[\w./+=-]/g, (character) =>
      random.below(6) === 0
        ? `\\u00${character.charCodeAt(0).toString(16).padStart(2, '0')}`
        : character === '/' && random.below(2) === 0
          ? '\\/'
          : character,
    )}"`

function withChangedBytes(bytes: Buffer, random: Random): Uint8Array {
  const position = random.below(bytes.length)
  switch (random.below(4)) {
    case 0:
      bytes[position] = random.below(256)
      return bytes
    case 1:
      bytes[position] = random.of([
        0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x3a, 0x3d, 0x0a, 0x30,
      ])
      return bytes
    case 2:
      return Buffer.concat([bytes.subarray(0, position), bytes.subarray(position + 1)])
    default:
      return bytes.subarray(0, position)
  }
}
