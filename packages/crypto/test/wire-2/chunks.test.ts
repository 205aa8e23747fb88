import { createDecipheriv } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SecurityError } from '../../src/errors.js'
import { padmeLength } from '../../src/index.js'
import {
  createBhttpReader,
  createStreamedRequest,
  encodeRequest,
  openRequest,
  sealRequest,
  sealRequestParts,
  startRequest,
  type StreamedRequestWriter,
} from '../../src/wire-2/index.js'
import { chunkCipher } from '../../src/wire-2/chunks/chunk-cipher.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import { concat, expectRefusal, refusalCodeOf, toHex, utf8 } from '../support.js'
import { chunkBoundaries, openAll, testKey } from './support.js'
import { javaScriptHybridKem } from '../../src/wire-2/kem/combined.js'

const { kem, key, config } = await testKey()
const HEAD = 7 + kem.encBytes
const NONCE = 32

const ones = (length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(1)

/** Plaintexts around the sizes where chunks and length prefixes change. */
const SIZES = [0, 1, 47, 48, 16_367, 16_368, 16_383, 16_384, 16_385, 32_768, 32_769, 200_000]

/** Seals parts of plaintext, each as chunks of its own. */
async function request(parts: readonly Uint8Array[], maxChunk = 16_384): Promise<Uint8Array> {
  const sealer = await startRequest(kem, config, { maxChunk })
  const sealed = [sealer.head]
  for (const [at, part] of parts.entries()) {
    sealed.push(await sealer.seal(part, { final: at === parts.length - 1 }))
  }
  return concat(...sealed)
}

/** A request and its answer, sealed by both ends. */
async function exchange(parts: readonly Uint8Array[]) {
  const { body, openAnswer } = await sealRequest(kem, config, utf8('question'))
  const opener = openRequest([key])
  await openAll(opener, body)
  const sealer = await opener.sealAnswer()
  const sealed = [sealer.head]
  for (const [at, part] of parts.entries()) {
    sealed.push(await sealer.seal(part, { final: at === parts.length - 1 }))
  }
  return { answer: concat(...sealed), openAnswer }
}

describe('decryption inverts encryption', () => {
  it.each(SIZES)('for %i bytes, however they arrive', async (size) => {
    const plaintext = ones(size)
    for (const maxChunk of [16_384, 65_536]) {
      const { body } = await sealRequest(kem, config, plaintext, { maxChunk })
      for (const cuts of [[], [1, 8, 39, 40, 41, 60], chunkBoundaries(body, HEAD)]) {
        const opened = await openAll(openRequest([key], { maxChunk }), body, cuts)
        expect(toHex(opened) === toHex(plaintext)).toBe(true)
      }
    }
  })

  it('for any parts and cuts, both ways', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (parts, cuts) => {
          const body = await request(parts)
          expect(toHex(await openAll(openRequest([key]), body, cuts))).toBe(toHex(concat(...parts)))
          const { answer, openAnswer } = await exchange(parts)
          expect(toHex(await openAll(openAnswer(), answer, cuts))).toBe(toHex(concat(...parts)))
        },
      ),
    )
  })

  it('with the hybrid KEM', async () => {
    const hybrid = await testKey(await javaScriptHybridKem())
    const { body, openAnswer } = await sealRequest(hybrid.kem, hybrid.config, utf8('question'))
    const opener = openRequest([hybrid.key])
    expect(toHex(await openAll(opener, body))).toBe(toHex(utf8('question')))
    const { head, seal } = await opener.sealAnswer()
    const answer = concat(head, await seal(utf8('answer'), { final: true }))
    expect(toHex(await openAll(openAnswer(), answer))).toBe(toHex(utf8('answer')))
  })

  it('for plaintext in several buffers as for the same in one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(0, 1, 100, 16_383, 16_384, 20_000), {
          minLength: 1,
          maxLength: 6,
        }),
        async (sizes) => {
          const parts = sizes.map((size, at) => new Uint8Array(size).fill(at))
          const whole = concat(...parts)
          const { body } = await sealRequest(kem, config, parts)
          const { body: same } = await sealRequest(kem, config, whole)
          expect(chunkBoundaries(body, HEAD)).toEqual(chunkBoundaries(same, HEAD))
          expect(toHex(await openAll(openRequest([key]), body)) === toHex(whole)).toBe(true)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('releases each chunk when its last byte arrives', async () => {
    const body = await request([utf8('first'), utf8('second'), utf8('last')])
    const opener = openRequest([key])
    const [head = 0, first = 0, second = 0] = chunkBoundaries(body, HEAD)
    expect(await opener.push(body.subarray(0, head))).toEqual([])
    expect(await opener.push(body.subarray(head, first - 1))).toEqual([])
    expect(await opener.push(body.subarray(first - 1, first))).toEqual([utf8('first')])
    expect(await opener.push(body.subarray(first, second))).toEqual([utf8('second')])
    expect(await opener.push(body.subarray(second))).toEqual([])
    expect(await opener.end()).toEqual(utf8('last'))
    expect(opener.opened).toBe(3)
  })

  it('keeps the order of calls that do not wait for each other', async () => {
    const sealer = await startRequest(kem, config)
    const sealed = await Promise.all([
      sealer.seal(ones(40_000)),
      sealer.seal(utf8('b')),
      sealer.seal(utf8('c'), { final: true }),
    ])
    const opener = openRequest([key])
    const opened = await Promise.all([sealer.head, ...sealed].map((part) => opener.push(part)))
    expect(toHex(concat(...opened.flat(), await opener.end()))).toBe(
      toHex(concat(ones(40_000), utf8('bc'))),
    )
  })
})

describe('a message that was cut', () => {
  it('is refused at every length, both ways', async () => {
    const parts = [utf8('first'), utf8('second'), utf8('last')]
    const body = await request(parts)
    const { answer, openAnswer } = await exchange(parts)
    const [, , , finalAt = 0] = chunkBoundaries(answer, NONCE)
    for (let length = 0; length < body.length; length++) {
      const code = await refusalCodeOf(() => openAll(openRequest([key]), body.subarray(0, length)))
      const [, , finalOfBody = 0] = chunkBoundaries(body, HEAD)
      expect(code).toBe(length <= finalOfBody ? 'ERR_TRUNCATED' : 'ERR_DECRYPTION_FAILED')
    }
    await expectRefusal(
      () => openAll(openAnswer(), answer.subarray(0, finalAt - 1)),
      'ERR_DECRYPTION_FAILED',
    )
    for (const boundary of [0, 1, ...chunkBoundaries(answer, NONCE).slice(0, -1)]) {
      const again = await exchange(parts)
      await expectRefusal(
        () => openAll(again.openAnswer(), again.answer.subarray(0, boundary)),
        'ERR_TRUNCATED',
      )
    }
  })
})

describe('a message that was altered', () => {
  it('is refused for any flipped bit', async () => {
    const parts = [utf8('first'), utf8('second'), utf8('last')]
    const body = await request(parts)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: body.length * 8 - 1 }), async (bit) => {
        const altered = new Uint8Array(body)
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const refusal = await openAll(openRequest([key]), altered).catch((error: unknown) => error)
        expect(refusal).toBeInstanceOf(SecurityError)
      }),
      { numRuns: 400 },
    )
  })

  it('is refused with chunks swapped, dropped or doubled', async () => {
    const body = await request([utf8('a'), utf8('b'), utf8('c'), utf8('d')])
    const bounds = [0, ...chunkBoundaries(body, HEAD)]
    const [head, a, b, c, final] = bounds
      .slice(1)
      .map((end, at) => body.subarray(bounds[at], end)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    const wrong = [
      [head, b, a, c, final],
      [head, a, c, final],
      [head, a, b, b, c, final],
      [head, a, a, b, c, final],
      [head, b, c, final],
      [head, final],
      [head, a, b, c, final, final],
      [head, a, b, c, final, Uint8Array.of(0)],
      // A chunk of the middle as the final one, and the other way round.
      [head, a, b, Uint8Array.of(0), c.subarray(1)],
      [head, a, b, c, Uint8Array.of(final.length - 1), final.subarray(1)],
    ]
    for (const parts of wrong) {
      const code = await refusalCodeOf(() => openAll(openRequest([key]), concat(...parts)))
      expect(['ERR_DECRYPTION_FAILED', 'ERR_TRUNCATED']).toContain(code)
    }
  })

  it('gives out the chunks before the fault, then the same error for ever', async () => {
    const body = new Uint8Array(await request([utf8('first'), utf8('second'), utf8('last')]))
    const [, , second = 0] = chunkBoundaries(body, HEAD)
    body[second - 1] = (body[second - 1] ?? 0) ^ 1
    const opener = openRequest([key])
    expect(await opener.push(body)).toEqual([utf8('first')])
    expect(opener.opened).toBe(1)
    for (const action of [() => opener.push(utf8('x')), opener.end]) {
      await expectRefusal(action, 'ERR_DECRYPTION_FAILED')
    }
    // The fault is reported encrypted.
    expect((await opener.sealAnswer()).head).toHaveLength(NONCE)
  })

  it('is refused under another key, and with parts of another message', async () => {
    const other = await testKey(x25519Kem, 1)
    const body = await request([utf8('a'), utf8('b')])
    await expectRefusal(() => openAll(openRequest([other.key]), body), 'ERR_DECRYPTION_FAILED')
    const another = await request([utf8('a'), utf8('b')])
    const mixed = concat(body.subarray(0, HEAD), another.subarray(HEAD))
    await expectRefusal(() => openAll(openRequest([key]), mixed), 'ERR_DECRYPTION_FAILED')
    const one = await exchange([utf8('a')])
    const two = await exchange([utf8('a')])
    await expectRefusal(() => openAll(one.openAnswer(), two.answer), 'ERR_DECRYPTION_FAILED')
  })

  it('is refused for keys and suites that are not offered', async () => {
    const body = await request([utf8('a')])
    const altered = (at: number, value: number): Uint8Array => {
      const copy = new Uint8Array(body)
      copy[at] = value
      return copy
    }
    // Key id, KEM, KDF, AEAD.
    for (const [at, value] of [
      [0, 2],
      [1, 0x64],
      [4, 2],
      [6, 3],
      [6, 0],
    ] as const) {
      const opener = openRequest([key])
      await expectRefusal(() => opener.push(altered(at, value)), 'ERR_ENVELOPE_UNSUPPORTED')
    }
    // Another AEAD of the list: the key schedule differs.
    await expectRefusal(() => openAll(openRequest([key]), altered(6, 1)), 'ERR_DECRYPTION_FAILED')
  })
})

describe('limits', () => {
  /** A head whose chunks follow as they are given. */
  const withLength = async (...bytes: number[]): Promise<Uint8Array> =>
    concat((await startRequest(kem, config)).head, Uint8Array.from(bytes))

  it.each([
    ['an empty chunk', [16]],
    ['a chunk shorter than a tag', [1]],
    ['a first chunk of 16385 bytes', [0x80, 0, 0x40, 0x11]],
    ['a length of 4 bytes', [0xbf, 0xff, 0xff, 0xff]],
    ['a length of 8 bytes', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])('refuse %s as soon as its length is here', async (_, bytes) => {
    const message = await withLength(...bytes)
    await expectRefusal(
      () => openRequest([key], { maxChunk: 65_536 }).push(message),
      'ERR_DECRYPTION_FAILED',
    )
  })

  it('accept a length of any width', async () => {
    const body = await request([ones(20), utf8('last')])
    const [head = 0] = chunkBoundaries(body, HEAD)
    for (const wide of [
      [0x40, 36],
      [0x80, 0, 0, 36],
      [0xc0, 0, 0, 0, 0, 0, 0, 36],
    ]) {
      const rewritten = concat(
        body.subarray(0, head),
        Uint8Array.from(wide),
        body.subarray(head + 1),
      )
      expect(toHex(await openAll(openRequest([key]), rewritten))).toBe(
        toHex(concat(ones(20), utf8('last'))),
      )
    }
  })

  it('refuse a first chunk above 16384 bytes, and later ones above the limit', async () => {
    // A sender that ignores the limit of the first chunk.
    const { chunkSealer } = await import('../../src/wire-2/chunks/sealer.js')
    const { chunkOpener } = await import('../../src/wire-2/chunks/opener.js')
    const keys = () => ({ key: ones(32), baseNonce: ones(12) })
    const open = (message: Uint8Array): Promise<Uint8Array> =>
      openAll(
        chunkOpener({
          headBytes: () => 1,
          keysOf: keys,
          firstChunk: 16_384,
          maxChunk: 65_536,
          maxBytes: 1e6,
        }),
        message,
      )
    const seal = async (...lengths: number[]): Promise<Uint8Array> => {
      const sealer = chunkSealer(ones(1), keys(), { firstChunk: 70_000, maxChunk: 70_000 })
      const parts = [sealer.head]
      for (const [at, length] of lengths.entries()) {
        parts.push(await sealer.seal(ones(length), { final: at === lengths.length - 1 }))
      }
      return concat(...parts)
    }
    for (const lengths of [[16_384, 65_536, 65_536], [16_384], [16_384, 0]]) {
      expect(await open(await seal(...lengths))).toHaveLength(lengths.reduce((a, b) => a + b))
    }
    for (const lengths of [[16_385], [16_385, 1], [1, 65_537, 1], [1, 65_537]]) {
      const message = await seal(...lengths)
      await expectRefusal(() => open(message), 'ERR_DECRYPTION_FAILED')
    }
  })

  it('refuse more bytes than allowed', async () => {
    const body = await request([ones(1000)])
    await expectRefusal(
      () => openRequest([key], { maxBytes: body.length - 1 }).push(body),
      'ERR_ENVELOPE_TOO_LARGE',
    )
    expect(await openAll(openRequest([key], { maxBytes: body.length }), body)).toHaveLength(1000)
  })

  it.each([{ maxChunk: 16_383 }, { maxChunk: NaN }, { maxChunk: 2 ** 21 }, { maxBytes: 0 }])(
    'of the caller are checked: %o',
    async (limits) => {
      await expectRefusal(() => openRequest([key], limits), 'ERR_ARGUMENT_INVALID')
      if ('maxChunk' in limits) {
        await expectRefusal(() => startRequest(kem, config, limits), 'ERR_ARGUMENT_INVALID')
      }
    },
  )
})

describe('the ends of a message', () => {
  it('nothing follows the final part', async () => {
    const sealer = await startRequest(kem, config)
    const body = concat(sealer.head, await sealer.seal(utf8('a'), { final: true }))
    await expectRefusal(() => sealer.seal(utf8('b')), 'ERR_KEY_DISPOSED')
    const opener = openRequest([key])
    await openAll(opener, body)
    await expectRefusal(() => opener.push(utf8('b')), 'ERR_KEY_DISPOSED')
    await expectRefusal(() => opener.end(), 'ERR_KEY_DISPOSED')
  })

  it('an answer begins once, and after a chunk was opened', async () => {
    const { body, openAnswer } = await sealRequest(kem, config, utf8('a'))
    const opener = openRequest([key])
    await expectRefusal(() => opener.sealAnswer(), 'ERR_DECRYPTION_FAILED')
    await opener.push(body.subarray(0, HEAD))
    await expectRefusal(() => opener.sealAnswer(), 'ERR_DECRYPTION_FAILED')
    await opener.push(body.subarray(HEAD))
    await opener.end()
    await opener.sealAnswer()
    await expectRefusal(() => opener.sealAnswer(), 'ERR_KEY_DISPOSED')
    openAnswer()
    await expectRefusal(() => openAnswer(), 'ERR_KEY_DISPOSED')
  })

  it('a part that is empty is no chunk', async () => {
    const sealer = await startRequest(kem, config)
    expect(await sealer.seal(new Uint8Array())).toHaveLength(0)
  })

  it('what was disposed of works no more', async () => {
    const sealer = await startRequest(kem, config)
    const part = await sealer.seal(utf8('a'))
    sealer.dispose()
    await expectRefusal(() => sealer.seal(utf8('b')), 'ERR_KEY_DISPOSED')
    const opener = openRequest([key])
    await opener.push(sealer.head)
    const pending = opener.push(part)
    opener.dispose()
    await expectRefusal(() => pending, 'ERR_KEY_DISPOSED')
    await expectRefusal(() => opener.sealAnswer(), 'ERR_DECRYPTION_FAILED')
  })

  it('a disposed request key decrypts nothing', async () => {
    const temporary = await testKey()
    const { body } = await sealRequest(temporary.kem, temporary.config, utf8('a'))
    temporary.key.dispose()
    await expectRefusal(() => openRequest([temporary.key]).push(body), 'ERR_KEY_DISPOSED')
  })

  it('openers have no getters, which keep them in memory', async () => {
    const { openAnswer } = await sealRequest(kem, config, utf8('a'))
    for (const opener of [openRequest([key]), openAnswer()]) {
      const members = Object.values(Object.getOwnPropertyDescriptors(opener))
      expect(members.filter(({ get }) => get !== undefined)).toEqual([])
    }
  })

  it('no two requests share an encapsulated secret', async () => {
    const encs = await Promise.all(
      Array.from({ length: 8 }, async () => toHex((await sealRequest(kem, config, ones(1))).enc)),
    )
    expect(new Set(encs).size).toBe(8)
  })
})

describe('a message that is encrypted while it is read', () => {
  async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
    const all: Uint8Array[] = []
    for await (const part of parts) all.push(part)
    return all
  }

  const head = { method: 'POST', scheme: 'https', authority: 'a', path: '/', fields: [] }

  async function* partsOf(
    request: StreamedRequestWriter,
    content: Uint8Array,
    partBytes: number,
  ): AsyncGenerator<Uint8Array | Uint8Array[]> {
    await Promise.resolve()
    yield request.head
    for (let at = 0; at < content.length; at += partBytes) {
      yield request.content(content.subarray(at, at + partBytes))
    }
    yield request.end()
  }

  async function sealed(
    content: Uint8Array,
    isKnown: boolean,
    partBytes: number,
    maxChunk: number,
  ) {
    const request = createStreamedRequest(head, isKnown ? content.length : undefined)
    const parts = partsOf(request, content, partBytes)
    const { length } = request
    const { body, byteLength } = await sealRequestParts(
      kem,
      config,
      { parts, length },
      { maxChunk },
    )
    return { body: concat(...(await collect(body))), byteLength }
  }

  it.each(SIZES)('is the same as the whole one, for %i bytes', async (size) => {
    const content = ones(size)
    const whole = encodeRequest({ ...head, content })
    for (const maxChunk of [16_384, 65_536]) {
      const same = await sealRequest(kem, config, whole, { maxChunk })
      for (const partBytes of [7000, 1_000_000]) {
        const { body, byteLength } = await sealed(content, true, partBytes, maxChunk)
        expect(byteLength).toBe(body.length)
        expect(body.length).toBe(same.body.length)
        expect(chunkBoundaries(body, HEAD)).toEqual(chunkBoundaries(same.body, HEAD))
        const opened = await openAll(openRequest([key], { maxChunk }), body)
        expect(toHex(opened) === toHex(whole)).toBe(true)
      }
    }
  })

  it.each([0, 1, 16_384, 100_000])('may be of unknown length: %i bytes', async (size) => {
    const { body, byteLength } = await sealed(ones(size), false, 5000, 65_536)
    expect(byteLength).toBeUndefined()
    const opened = await openAll(openRequest([key], { maxChunk: 65_536 }), body)
    expect(padmeLength(opened.length)).toBe(opened.length)
    const reader = createBhttpReader('request')
    const events = [...reader.push(opened), ...reader.end()]
    const content = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
    expect(concat(...content).length).toBe(size)
  })

  it.each([
    ['less', 9],
    ['more', 11],
  ])('fails with %s content than was announced', async (_, length) => {
    const request = createStreamedRequest(head, length)
    const parts = partsOf(request, ones(10), 10)
    const { body } = await sealRequestParts(kem, config, { parts, length: request.length })
    await expectRefusal(() => collect(body), 'ERR_ARGUMENT_INVALID')
  })

  it('fails where the message has another length than it says, without an end', async () => {
    async function* parts() {
      await Promise.resolve()
      yield ones(20_000)
    }
    const { body } = await sealRequestParts(kem, config, { parts: parts(), length: 20_001 })
    const sent: Uint8Array[] = []
    await expectRefusal(async () => {
      for await (const part of body) sent.push(part)
    }, 'ERR_ARGUMENT_INVALID')
    await expectRefusal(() => openAll(openRequest([key]), concat(...sent)), 'ERR_TRUNCATED')
  })
})

it('encrypts each chunk under the nonce of its number, of one byte and of two', async () => {
  const key = new Uint8Array(16).fill(1)
  const baseNonce = new Uint8Array(12).fill(0xa5)
  const cipher = chunkCipher({ key, baseNonce })
  for (let sequence = 0; sequence < 260; sequence++) {
    const sealed = new Uint8Array(17)
    await cipher.encrypt([Uint8Array.of(7)], false, sealed)
    const nonce = Buffer.from(baseNonce)
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
    const decipher = createDecipheriv('aes-128-gcm', key, nonce)
    decipher.setAuthTag(sealed.subarray(1))
    expect(decipher.update(sealed.subarray(0, 1))).toEqual(Buffer.of(7))
    expect(() => decipher.final()).not.toThrow()
  }
})
