import { seededRandom, type Random } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { SecurityError } from '../../src/errors.js'
import type { ChunkOpener } from '../../src/wire-2/chunks/opener.js'
import { javaScriptHybridKem } from '../../src/wire-2/kem/combined.js'
import type { Kem } from '../../src/wire-2/kem/kem.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import { sealerOf } from '../../src/wire-2/message/seal-request.js'
import {
  createBhttpReader,
  createRequestKey,
  createStreamedResponse,
  createWholeResponse,
  encodeKeyList,
  encodeRequest,
  encodeStatement,
  generateIdentityKey,
  openRequest,
  parseKeyList,
  parseKeyStatement,
  sealRequest,
  signStatement,
  startRequest,
} from '../../src/wire-2/index.js'
import { concat, fromHex, textOf, toHex, utf8 } from '../support.js'
import { readWhole, type Reading } from './bhttp-oracle.js'
import { mutate, mutateBytes, piecesOf, withShortLengths, type Pieces } from './mutations.js'
import { chunkBoundaries, testKey } from './support.js'

/** Inputs of each kind. */
const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 3000)
const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 20_261_128)
const timeout = 7_200_000

const REFUSALS = [
  'ERR_DECRYPTION_FAILED',
  'ERR_TRUNCATED',
  'ERR_ENVELOPE_UNSUPPORTED',
  'ERR_ENVELOPE_TOO_LARGE',
]
const PLAINTEXT = [utf8('first '), new Uint8Array(300).fill(0x61), utf8(' last')]

/** A sealed message, and how to open a copy of it. */
interface Message {
  readonly headBytes: number
  readonly bytes: Uint8Array
  readonly pieces: Pieces
  readonly opener: () => ChunkOpener | Promise<ChunkOpener>
}

/** A number of outcomes by name. */
class Tally {
  readonly counts: Record<string, number> = {}
  add(outcome: string): void {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + 1
  }
}

const fail = (input: number, problem: string, bytes: Uint8Array): never => {
  throw new Error(`seed ${SEED}, input ${input}: ${problem}: ${toHex(bytes).slice(0, 4000)}`)
}

/** Returns the code of a SecurityError; throws everything else. */
function codeOf(error: unknown): string {
  if (error instanceof SecurityError) return error.code
  throw error
}

const messageOf = (headBytes: number, bytes: Uint8Array, opener: Message['opener']): Message => ({
  headBytes,
  bytes,
  pieces: piecesOf(bytes, chunkBoundaries(bytes, headBytes)),
  opener,
})

/** Feeds mutated copies in random parts: each is refused, unless only lengths are written wider. */
async function openMutated(messages: readonly Message[]): Promise<Tally> {
  const random = seededRandom(SEED)
  const whole = toHex(concat(...PLAINTEXT))
  const tally = new Tally()
  for (let input = 0; input < INPUTS; input++) {
    const message = random.of(messages)
    const mutated = mutate(message.pieces, random.of(messages).pieces, random)
    const isSame =
      Buffer.compare(withShortLengths(mutated, message.headBytes) ?? mutated, message.bytes) === 0
    const opener = await message.opener()
    let opened = ''
    let outcome = 'accepted'
    try {
      for (const part of inParts(mutated, random)) {
        for (const chunk of await opener.push(part)) opened += toHex(chunk)
      }
      opened += toHex(await opener.end())
    } catch (error) {
      outcome = codeOf(error)
      if (!REFUSALS.includes(outcome)) fail(input, outcome, mutated)
    }
    if (!whole.startsWith(opened)) fail(input, 'released other plaintext', mutated)
    if (isSame !== (outcome === 'accepted')) fail(input, outcome, mutated)
    if (isSame && opened !== whole) fail(input, 'lost plaintext', mutated)
    tally.add(outcome)
  }
  return tally
}

function* inParts(message: Uint8Array, random: Random): Generator<Uint8Array> {
  const size = random.of([message.length || 1, 1 + random.below(200), 1 + random.below(1200)])
  for (let at = 0; at < message.length; at += size) yield message.subarray(at, at + size)
}

const hybridKem = await javaScriptHybridKem()

/** Requests of all suites; the hybrid KEM takes ten times as long, so it has one of eight. */
const suites: readonly (readonly [Kem, number])[] = [
  ...Array.from({ length: 4 }, () => [x25519Kem, 2] as const),
  ...Array.from({ length: 3 }, () => [x25519Kem, 1] as const),
  [hybridKem, 2],
]

async function sealedParts(
  seal: (part: Uint8Array, options: { final: boolean }) => Promise<Uint8Array>,
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const [at, part] of PLAINTEXT.entries()) {
    parts.push(await seal(part, { final: at === PLAINTEXT.length - 1 }))
  }
  return parts
}

describe(`${INPUTS} mutations`, () => {
  it('of requests are refused', { timeout }, async () => {
    const keys = [await testKey(x25519Kem, 1), await testKey(hybridKem, 2)]
    const messages = await Promise.all(
      suites.map(async ([kem, aeadId]) => {
        const { config } = keys.find((one) => one.kem === kem)!
        const chosen = { ...config, suites: [{ kdfId: 1, aeadId }] }
        const { head, seal } = await startRequest(kem, chosen)
        const bytes = concat(head, ...(await sealedParts(seal)))
        return messageOf(head.length, bytes, () => openRequest(keys.map(({ key }) => key)))
      }),
    )
    const { counts } = await openMutated(messages)
    console.info('requests:', counts)
    for (const code of REFUSALS.slice(0, 3)) expect(counts[code]).toBeGreaterThan(INPUTS / 200)
    expect(counts['accepted']).toBeGreaterThan(INPUTS / 200)
  })

  it('of answers are refused', { timeout }, async () => {
    const { kem, key, config } = await testKey()
    const messages = await Promise.all(
      suites.map(async ([, aeadId]) => {
        const suite = { kdfId: 1, aeadId }
        const { body, enc } = await sealRequest(kem, { ...config, suites: [suite] }, utf8('q'))
        const request = openRequest([key])
        await request.push(body)
        await request.end()
        const { head, seal } = await request.sealAnswer()
        const bytes = concat(head, ...(await sealedParts(seal)))
        const sharedSecret = await key.decapsulate(enc)
        const header = body.slice(0, 7)
        return messageOf(head.length, bytes, async () => {
          // An answer is opened once: each input has the client of the same request anew.
          const encapsulation = { enc, sharedSecret: sharedSecret.slice() }
          const client = await sealerOf(header, { kemId: kem.id, ...suite }, encapsulation, 16_384)
          return client.openAnswer()
        })
      }),
    )
    const { counts } = await openMutated(messages)
    console.info('answers:', counts)
    for (const code of REFUSALS.slice(0, 2)) expect(counts[code]).toBeGreaterThan(INPUTS / 200)
    expect(counts['accepted']).toBeGreaterThan(INPUTS / 200)
  })

  it('of Binary HTTP are read as an independent reader does', { timeout }, () => {
    const random = seededRandom(SEED)
    const tally = new Tally()
    for (let input = 0; input < INPUTS; input++) {
      const { kind, bytes } = random.of(MESSAGES)
      let message = bytes
      for (let times = random.below(4); times > 0; times--) message = mutateBytes(message, random)
      const expected = readWhole(kind, Buffer.from(message))
      const actual = readInParts(kind, message, random)
      if (JSON.stringify(actual) !== JSON.stringify(expected)) {
        fail(input, JSON.stringify([actual, expected]), message)
      }
      tally.add(typeof actual === 'string' ? actual : 'read')
    }
    console.info('Binary HTTP:', tally.counts)
    for (const outcome of ['read', 'ERR_TRUNCATED', 'ERR_PLAINTEXT_INVALID']) {
      expect(tally.counts[outcome]).toBeGreaterThan(INPUTS / 200)
    }
  })

  it('of key lists are refused, or have the keys that the bytes say', { timeout }, async () => {
    const random = seededRandom(SEED)
    const keys = await Promise.all([
      createRequestKey(x25519Kem, { id: 1 }),
      createRequestKey(hybridKem, { id: 2 }),
    ])
    const unknown = Uint8Array.of(0, 5, 9, 0xff, 0xff, 1, 2)
    const lists = [encodeKeyList(keys), concat(unknown, encodeKeyList(keys.slice(0, 1)))]
    const tally = new Tally()
    for (let input = 0; input < INPUTS; input++) {
      const list = mutateBytes(random.of(lists), random)
      let outcome = 'read'
      try {
        // Entries that were read stand in the list as they are written here, one after the other.
        let from = 0
        for (const { keyId, kemId, publicKey, suites: offered } of parseKeyList(list)) {
          const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value)
          const ids = offered.flatMap(({ kdfId, aeadId }) => [u16(kdfId), u16(aeadId)])
          const length = u16(4 * offered.length)
          const entry = concat(Uint8Array.of(keyId), u16(kemId), publicKey, length, ...ids)
          const at = Buffer.from(list).indexOf(concat(u16(entry.length), entry), from)
          if (at < 0) fail(input, `no entry ${keyId}`, list)
          from = at + 2 + entry.length
        }
      } catch (error) {
        outcome = codeOf(error)
        if (outcome !== 'ERR_KEY_INVALID') fail(input, outcome, list)
      }
      tally.add(outcome)
    }
    console.info('key lists:', tally.counts)
    expect(tally.counts['ERR_KEY_INVALID']).toBeGreaterThan(INPUTS / 200)
    expect(tally.counts['read']).toBeGreaterThan(INPUTS / 200)
  })

  it('of key statements are refused, or say what was signed', { timeout }, async () => {
    const random = seededRandom(SEED)
    const { key: identity } = await generateIdentityKey()
    const { key: other } = await generateIdentityKey()
    const key = await createRequestKey(x25519Kem, { id: 1 })
    const now = 1_800_000_000
    const known = [identity.fingerprint, other.fingerprint]
    const statement = encodeStatement({
      identities: known,
      notBefore: now,
      notAfter: now + 7200,
      keyList: encodeKeyList([key]),
      minWire: '1.0',
      rsaKeys: [],
      maxRequest: 16_777_216,
      maxChunk: 65_536,
      routes: ['POST /v1/chat/completions'],
    })
    const document = await signStatement(statement, [identity, other])
    const tally = new Tally()
    for (let input = 0; input < INPUTS; input++) {
      // A statement of an attacker's, under an identity of its own, is as well-formed as the rules demand.
      const isSigned = random.below(8) === 0
      const text = isSigned ? mutateJson(statement, random) : statement
      const mutated = isSigned
        ? await signStatement(text, [identity])
        : mutateJson(document, random)
      let outcome = isSigned ? 'signed and read' : 'read'
      try {
        const read = await parseKeyStatement(mutated, { now })
        if (toHex(read.bytes) !== toHex(text)) fail(input, 'another statement', mutated)
        if (!read.identities.every((one) => known.includes(one))) fail(input, 'identity', mutated)
        const { notBefore, notAfter, maxChunk, maxRequest } = read
        const isSound =
          notBefore <= now + 300 && now <= notAfter && notAfter - notBefore <= 49 * 3600
        if (!isSound || maxChunk < 16_384 || maxRequest < 16_384) fail(input, 'unsound', text)
        if (textOf(read.bytes).split('"not_after"').length !== 2) fail(input, 'twice', text)
      } catch (error) {
        outcome = codeOf(error)
        if (
          !['ERR_STATEMENT_INVALID', 'ERR_STATEMENT_EXPIRED', 'ERR_KEY_INVALID'].includes(outcome)
        ) {
          fail(input, outcome, mutated)
        }
      }
      tally.add(outcome)
    }
    console.info('key statements:', tally.counts)
    expect(tally.counts['ERR_STATEMENT_INVALID']).toBeGreaterThan(INPUTS / 2)
    expect(tally.counts['read']).toBeGreaterThan(INPUTS / 200)
  })
})

const fields = [
  ['content-type', 'application/json'],
  ['date', 'Sat, 28 Nov 2026 12:00:00 GMT'],
] as const
const streamed = createStreamedResponse()
const whole = createWholeResponse()

/** Messages of all framings; those that have trailers or omit their end are written by hand. */
const MESSAGES: readonly { kind: 'request' | 'response'; bytes: Uint8Array }[] = [
  {
    kind: 'request',
    bytes: encodeRequest({
      method: 'POST',
      scheme: 'https',
      authority: 'gateway.example',
      path: '/v1/chat/completions',
      fields,
      content: utf8('{"model":"m"}'),
    }),
  },
  {
    kind: 'request',
    // Indeterminate, with two pieces of content and a trailer.
    bytes: concat(
      fromHex('02'),
      ...['POST', 'https', '', '/'].map((text) => concat(Uint8Array.of(text.length), utf8(text))),
      fromHex('0161017800' + '026869' + '0121' + '00' + '0174023a3a00' + '0000'),
    ),
  },
  {
    kind: 'response',
    bytes: concat(
      whole.interim({ status: 102, fields: [] }),
      whole.final({ status: 200, fields, content: utf8('{"choices":[]}') }),
    ),
  },
  {
    kind: 'response',
    bytes: concat(
      streamed.interim({ status: 102, fields: [] }),
      streamed.head({ status: 200, fields }),
      streamed.content(utf8('data: 1\n\n')),
      streamed.content(utf8('data: 2\n\n')),
      streamed.end(),
    ),
  },
  { kind: 'response', bytes: fromHex('0140c804016101780261620401740179') },
  { kind: 'response', bytes: fromHex('0140c8') },
]

/** The outcome of the reader under test, for a message that arrives in parts. */
function readInParts(kind: 'request' | 'response', message: Uint8Array, random: Random): Reading {
  const heads: unknown[] = []
  let content = ''
  try {
    const reader = createBhttpReader(kind)
    const take = (events: ReturnType<typeof reader.end>): void => {
      for (const event of events) {
        if (event.type === 'content') content += Buffer.from(event.bytes).toString('latin1')
        else heads.push(event)
      }
    }
    for (const part of inParts(message, random)) take(reader.push(part))
    take(reader.end())
    return { heads, content }
  } catch (error) {
    return codeOf(error)
  }
}

/** Changes bytes, or a token of the JSON to another. */
function mutateJson(json: Uint8Array, random: Random): Uint8Array {
  if (random.below(3) === 0) return mutateBytes(json, random)
  const text = textOf(json)
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|\d+|[[\]{},:]/g) ?? []
  const at = random.below(tokens.length)
  const others = ['"x":1,', ' ', '0', '-1', '1e3', '1.5', 'null', '[]', '{}', '""', '"\\u0041"']
  const changed =
    random.below(2) === 0
      ? [...tokens.slice(0, at), random.of([...others, ...tokens]), ...tokens.slice(at + 1)]
      : [...tokens.slice(0, at), random.of([...others, ...tokens]), ...tokens.slice(at)]
  return utf8(changed.join(''))
}
