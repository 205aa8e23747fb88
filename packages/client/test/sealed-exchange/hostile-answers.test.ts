import { env } from 'node:process'
import { SecurityError } from '@nomyo/crypto'
import {
  createRequestKey,
  createStreamedResponse,
  createWholeResponse,
  encodeKeyList,
  encodeResponse,
  loadHybridKem,
  openRequest,
  parseKeyList,
  sealRequest,
  type Kem,
} from '@nomyo/crypto/wire-2'
import { APIConnectionError, type StreamedResponse } from '@nomyo/transport'
import { seededRandom } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { openAnswer, readWhole, type SealedAnswer } from '../../src/wire-2/read-answer.js'
import { failureOf } from './support.js'

const MAX_CHUNK = 16_384
const MAX_BYTES = 200_000
const INPUTS = Number(env['NOMYO_FUZZ_INPUTS'] ?? 2000)

const kem = await loadHybridKem()
const key = await createRequestKey(kem, { id: 1 })
const config = parseKeyList(encodeKeyList([key]))[0]!

/** One encapsulated secret, which takes most of the time: what differs here is the answer. */
const { enc, sharedSecret } = await kem.encapsulate(config.publicKey)
const encapsulated: Kem = {
  ...kem,
  encapsulate: () => Promise.resolve({ enc, sharedSecret: sharedSecret.slice() }),
}
const decapsulated = { ...key, decapsulate: () => Promise.resolve(sharedSecret.slice()) }

/** An exchange whose answer can be read once. */
async function exchange(as: Kem = encapsulated) {
  const sealed = await sealRequest(as, config, new Uint8Array(32))
  const request = openRequest([as === kem ? key : decapsulated])
  await request.push(sealed.body)
  await request.end()
  return {
    sealer: await request.sealAnswer({ maxChunk: MAX_CHUNK }),
    opener: () => sealed.openAnswer({ maxChunk: MAX_CHUNK, maxBytes: MAX_BYTES }),
  }
}

/** A response of a transport with these parts, which may break off. */
function arriving(parts: readonly Uint8Array[], broken?: Error): StreamedResponse {
  return {
    status: 200,
    header: () => undefined,
    read: async (take) => {
      for (const part of parts) await take(part.slice())
      if (broken !== undefined) throw broken
    },
    whole: () => Promise.reject(new Error('not read whole')),
    cancel: () => undefined,
  }
}

/** Chunks of a message, as they are sealed: `true` ends it. */
type Chunks = readonly (readonly [plaintext: Uint8Array, isFinal: boolean])[]

async function sealAll(chunks: Chunks) {
  const { sealer, opener } = await exchange()
  const sealed: Uint8Array[] = []
  for (const [plaintext, final] of chunks) sealed.push(await sealer.seal(plaintext, { final }))
  return { head: sealer.head, sealed, opener }
}

interface Read {
  readonly answer: SealedAnswer
  readonly contents: number
}

/** Reads parts as the answer of an exchange. */
async function readWith(
  opener: Awaited<ReturnType<typeof exchange>>['opener'],
  parts: readonly Uint8Array[],
  broken?: Error,
): Promise<Read> {
  let contents = 0
  const answer = await readWhole(
    await openAnswer(arriving(parts, broken), opener()),
    () => contents++,
  )
  return { answer, contents }
}

const content = new TextEncoder().encode('{"choices":[]}')
const fields = [['content-type', 'application/json']] as const
const whole = encodeResponse({ status: 200, fields: [...fields], content })
const part = (from: number, to?: number): Uint8Array => whole.subarray(from, to)

/** The answer in three chunks. */
const THREE: Chunks = [
  [part(0, 100), false],
  [part(100, 300), false],
  [part(300), true],
]

const join = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Expects a refusal with one of the classes that a caller knows. */
function expectRefused(error: unknown, codes: readonly string[]): void {
  const isTyped = error instanceof SecurityError || error instanceof APIConnectionError
  expect(isTyped, String(error)).toBe(true)
  expect(codes).toContain((error as SecurityError).code)
}

const WRONG = ['ERR_DECRYPTION_FAILED']
const CUT = ['ERR_TRUNCATED', ...WRONG]

describe('a genuine answer is read', () => {
  it.each([1, 7, 1000])('in parts of %i bytes', async (length) => {
    const { head, sealed, opener } = await sealAll(THREE)
    const body = join(head, ...sealed)
    const parts = Array.from({ length: Math.ceil(body.length / length) }, (_, at) =>
      body.subarray(at * length, (at + 1) * length),
    )
    const { answer, contents } = await readWith(opener, parts)
    expect(answer.status).toBe(200)
    expect(answer.header('content-type')).toBe('application/json')
    expect(answer.header('date')).toBeUndefined()
    expect(Buffer.from(answer.body).toString()).toBe('{"choices":[]}')
    expect(contents).toBeGreaterThan(0)
  })

  it('after 16 signs of life, in the other framing, with an empty last chunk', async () => {
    const writer = createWholeResponse()
    const interims = Array.from({ length: 16 }, () => writer.interim({ status: 102, fields: [] }))
    const final = writer.final({ status: 200, fields: [], content })
    const living = await sealAll([...interims.map((one) => [one, false] as const), [final, true]])
    expect((await readWith(living.opener, [living.head, ...living.sealed])).answer.status).toBe(200)
    const streamed = createStreamedResponse()
    const { head, sealed, opener } = await sealAll([
      [streamed.head({ status: 200, fields: [] }), false],
      [streamed.content(content), false],
      [streamed.end(), false],
      [new Uint8Array(), true],
    ])
    const { answer } = await readWith(opener, [head, ...sealed])
    expect(Buffer.from(answer.body).toString()).toBe('{"choices":[]}')
  })
})

describe('an answer is refused', () => {
  it('at every prefix: as cut off, or where its final chunk is', async () => {
    const { head, sealed } = await sealAll(THREE)
    const length = join(head, ...sealed).length
    const finalAt = length - (sealed[2]?.length ?? 0) + 1
    for (let cut = 0; cut < length; cut++) {
      const { head, sealed, opener } = await sealAll(THREE)
      const error = await failureOf(readWith(opener, [join(head, ...sealed).subarray(0, cut)]))
      expectRefused(error, cut < finalAt ? ['ERR_TRUNCATED'] : WRONG)
    }
  })

  it('as cut off where the connection broke, also within its final chunk', async () => {
    const broken = new APIConnectionError('ERR_NETWORK', 'reset')
    for (const cut of [1, 31, 32, 40, 200, 420, 500]) {
      const { head, sealed, opener } = await sealAll(THREE)
      const reading = readWith(opener, [join(head, ...sealed).subarray(0, cut)], broken)
      expectRefused(await failureOf(reading), ['ERR_TRUNCATED'])
    }
    const { opener } = await exchange()
    // Nothing came: the cause is the better explanation.
    expect(await failureOf(readWith(opener, [], broken))).toBe(broken)
  })

  it('with any bit flipped', async () => {
    const length = join(
      ...(await sealAll(THREE).then(({ head, sealed }) => [head, ...sealed])),
    ).length
    for (let bit = 0; bit < length * 8; bit += 3) {
      const { head, sealed, opener } = await sealAll(THREE)
      const body = join(head, ...sealed)
      body[bit >> 3]! ^= 1 << (bit & 7)
      expectRefused(await failureOf(readWith(opener, [body])), CUT)
    }
  })

  type Change = (head: Uint8Array, a: Uint8Array, b: Uint8Array, c: Uint8Array) => Uint8Array[]
  it.each<[string, Change]>([
    ['chunks are swapped', (head, a, b, c) => [head, b, a, c]],
    ['a chunk is dropped', (head, a, _, c) => [head, a, c]],
    ['the first is dropped', (head, _, b, c) => [head, b, c]],
    ['a chunk is doubled', (head, a, b, c) => [head, a, b, b, c]],
    ['the final one is doubled', (head, a, b, c) => [head, a, b, c, c]],
    ['the final one comes early', (head, a, b, c) => [head, a, c, b]],
    ['it is the final one alone', (head, _a, _b, c) => [head, c]],
    ['its head is doubled', (head, a, b, c) => [head, head, a, b, c]],
    ['its head is missing', (_, a, b, c) => [a, b, c]],
    ['a byte follows it', (head, a, b, c) => [head, a, b, c, Uint8Array.of(0)]],
    [
      'an empty chunk is in between',
      (head, a, b, c) => [head, a, Uint8Array.of(16, ...Array(16).fill(0)), b, c],
    ],
    [
      'the mark of the end is moved',
      (head, a, b, c) => [head, a, Uint8Array.of(0), b.subarray(2), c],
    ],
    ['the mark of the end is missing', (head, a, b, c) => [head, a, b, c.subarray(1)]],
    [
      'it is JSON',
      () => [new TextEncoder().encode('{"choices":[{"message":{"content":"forged"}}]}')],
    ],
    ['it is empty', () => []],
    [
      'it begins with a huge length',
      (head) => [head, Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255)],
    ],
  ])('where %s', async (_what, change) => {
    const { head, sealed, opener } = await sealAll(THREE)
    const [a, b, c] = sealed as [Uint8Array, Uint8Array, Uint8Array]
    expectRefused(await failureOf(readWith(opener, change(head, a, b, c))), CUT)
  })

  it('of another exchange', async () => {
    const { head, sealed } = await sealAll(THREE)
    const { opener } = await exchange(kem)
    expectRefused(await failureOf(readWith(opener, [head, ...sealed])), WRONG)
  })

  it('that was opened before', async () => {
    const { head, sealed, opener } = await sealAll(THREE)
    await readWith(opener, [head, ...sealed])
    await expect(Promise.resolve().then(() => readWith(opener, [head, ...sealed]))).rejects.toThrow(
      SecurityError,
    )
  })

  const MALFORMED = ['ERR_PLAINTEXT_INVALID']
  const interim = (count: number): Uint8Array[] => {
    const writer = createWholeResponse()
    const parts = Array.from({ length: count }, () => writer.interim({ status: 102, fields: [] }))
    return [...parts, writer.final({ status: 200, fields: [] })]
  }
  const hugeHead = encodeResponse({
    status: 200,
    fields: Array.from({ length: 40 }, (_, at) => [`x-${String(at)}`, 'v'.repeat(2000)] as const),
  })
  it.each<[string, Uint8Array[], readonly string[]]>([
    ['holds nothing', [new Uint8Array()], ['ERR_TRUNCATED']],
    ['ends within its head', [part(0, 10)], ['ERR_TRUNCATED']],
    ['ends within its content', [part(0, 45)], ['ERR_TRUNCATED']],
    ['has bytes behind it that are no zeros', [join(whole, Uint8Array.of(1))], MALFORMED],
    ['is a request', [Uint8Array.of(0, 3, 71, 69, 84)], MALFORMED],
    ['has 17 signs of life', interim(17), MALFORMED],
    ['has a head of 80 kB', [hugeHead], MALFORMED],
    ['has the status 99', [Uint8Array.of(1, 0x40, 99, 0, 0)], MALFORMED],
    ['has the status 600', [Uint8Array.of(1, 0x42, 0x58, 0, 0)], MALFORMED],
    ['ends after a sign of life', [Uint8Array.of(1, 0x40, 102, 0)], ['ERR_TRUNCATED']],
  ])('whose message %s, although the gateway sealed it', async (_what, plaintexts, codes) => {
    const { head, sealed, opener } = await sealAll(
      plaintexts.map((one, at) => [one, at === plaintexts.length - 1] as const),
    )
    expectRefused(await failureOf(readWith(opener, [head, ...sealed])), codes)
  })

  it('that is too large, as soon as it is', async () => {
    const streamed = createStreamedResponse()
    const second = await exchange()
    let taken = 0
    const endless = async function* () {
      yield second.sealer.head
      yield second.sealer.seal(streamed.head({ status: 200, fields: [] }))
      for (;;) yield second.sealer.seal(streamed.content(new Uint8Array(10_000)))
    }
    const response: StreamedResponse = {
      ...arriving([]),
      read: async (take) => {
        for await (const one of endless()) {
          taken += one.length
          await take(one)
        }
      },
    }
    const reading = openAnswer(response, second.opener()).then((answer) => readWhole(answer))
    expectRefused(await failureOf(reading), ['ERR_ENVELOPE_TOO_LARGE'])
    expect(taken).toBeLessThan(MAX_BYTES + 20_000)
    const tooLarge = new APIConnectionError('ERR_RESPONSE_TOO_LARGE', 'more')
    const third = await exchange()
    const limited = readWith(third.opener, [third.sealer.head], tooLarge)
    expectRefused(await failureOf(limited), ['ERR_ENVELOPE_TOO_LARGE'])
  })

  it('in a chunk above the limit', async () => {
    const { sealer, opener } = await exchange()
    const oversized = join(Uint8Array.of(0x80, 0, 0x40, 0x11), new Uint8Array(MAX_CHUNK + 17))
    expectRefused(await failureOf(readWith(opener, [sealer.head, oversized])), WRONG)
  })

  it(`however it is mutated, ${String(INPUTS)} times`, async () => {
    const random = seededRandom(19)
    const below = (limit: number): number => random.below(limit)
    const { head, sealed } = await sealAll(THREE)
    const genuine = join(head, ...sealed)
    const openerOf = async () => {
      const { openAnswer } = await sealRequest(encapsulated, config, new Uint8Array(32))
      return () => openAnswer({ maxChunk: MAX_CHUNK, maxBytes: MAX_BYTES })
    }
    await readWith(await openerOf(), [genuine])
    for (let count = 0; count < INPUTS; count++) {
      let body = genuine.slice()
      for (let changes = 1 + below(3); changes > 0; changes--) {
        const at = below(body.length)
        const until = at + below(body.length - at)
        switch (below(6)) {
          case 0:
            body[at]! ^= 1 << below(8)
            break
          case 1:
            body = body.slice(0, at)
            break
          case 2:
            body = join(body.subarray(0, at), body.subarray(until)) as Uint8Array<ArrayBuffer>
            break
          case 3:
            body = join(body.subarray(0, until), body.subarray(at)) as Uint8Array<ArrayBuffer>
            break
          case 4:
            body[at] = below(256)
            break
          default:
            body = join(
              body,
              Uint8Array.from({ length: 1 + below(40) }, () => below(256)),
            ) as Uint8Array<ArrayBuffer>
        }
        if (body.length === 0) break
      }
      if (Buffer.compare(body, genuine) === 0) continue
      const split = below(body.length + 1)
      const parts = [body.subarray(0, split), body.subarray(split)]
      const error = await failureOf(readWith(await openerOf(), parts))
      if (!(error instanceof SecurityError || error instanceof APIConnectionError)) throw error
      expect(CUT).toContain(error.code)
    }
  })
})
