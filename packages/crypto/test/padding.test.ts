import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  encodeJson,
  openEnvelope,
  padmeLength,
  sealJson,
  sealJsonBytes,
} from '../src/envelope/index.js'
import { testPair, textOf, utf8 } from './support.js'

const MIB = 1024 * 1024
const anyLength = fc.integer({ min: 0, max: 16 * MIB })

describe('the Padmé length', () => {
  it('equals the bit masks of the paper', () => {
    const short = Array.from({ length: 70_000 }, (_, index) => index + 2)
    expect(short.map(padmeLength)).toEqual(short.map(byBitMasks))
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 2 ** 30 - 1 }), (length) => {
        expect(padmeLength(length)).toBe(byBitMasks(length))
      }),
    )
  })

  it.each([
    [0, 0],
    [1, 1],
    [8, 8],
    [9, 10],
    [100, 104],
    [129, 144],
    [1000, 1024],
    [10_000, 10_240],
    [1_000_000, 1_015_808],
  ])('of %d is %d', (length, padded) => {
    expect(padmeLength(length)).toBe(padded)
  })

  it('leaves the size of the largest payload unchanged', () => {
    expect(padmeLength(10 * MIB)).toBe(10 * MIB)
    expect(padmeLength(10 * MIB - 1)).toBe(10 * MIB)
  })

  it('adds between nothing and 12 %', () => {
    fc.assert(
      fc.property(anyLength, (length) => {
        const added = padmeLength(length) - length
        expect(added).toBeGreaterThanOrEqual(0)
        expect(added).toBeLessThanOrEqual(length * (length > 10_000_000 ? 0.03 : 0.12))
      }),
    )
  })

  it('of a padded length is that length', () => {
    fc.assert(
      fc.property(anyLength, (length) => {
        expect(padmeLength(padmeLength(length))).toBe(padmeLength(length))
      }),
    )
  })

  it('never shrinks where the length grows', () => {
    fc.assert(
      fc.property(anyLength, anyLength, (one, other) => {
        const [shorter, longer] = [Math.min(one, other), Math.max(one, other)]
        expect(padmeLength(shorter)).toBeLessThanOrEqual(padmeLength(longer))
      }),
    )
  })

  it('leaves few distinct lengths', () => {
    const lengths = new Set<number>()
    for (let length = 1; length <= MIB; length += 97) lengths.add(padmeLength(length))
    expect(lengths.size).toBeLessThan(300)
  })
})

describe('padded JSON', () => {
  it('reads the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const json = JSON.stringify(value)
        const padded = encodeJson(value, 'padme')!
        expect(padded.length).toBe(padmeLength(utf8(json).length))
        expect(textOf(padded).trimEnd()).toBe(json)
      }),
    )
  })

  it('is the JSON itself where no padding is asked for', () => {
    expect(textOf(encodeJson([1, 2, 3, 4, 5], 'none')!)).toBe('[1,2,3,4,5]')
  })
})

describe('JSON that is bytes already', () => {
  const sealed = async (...given: Parameters<typeof sealJsonBytes>): Promise<string> => {
    const { privateKey } = await testPair('server')
    return textOf((await openEnvelope(await sealJsonBytes(...given), privateKey)).plaintext)
  }

  it('is padded as its value would be, whole or in pieces, or not at all', async () => {
    const { publicKey } = await testPair('server')
    const json = JSON.stringify({ text: 'größer'.repeat(100) })
    const padded = textOf(encodeJson(JSON.parse(json), 'padme')!)
    const bytes = utf8(json)
    expect(await sealed(bytes, publicKey)).toBe(padded)
    expect(await sealed([bytes.subarray(0, 9), bytes.subarray(9)], publicKey)).toBe(padded)
    expect(await sealed(bytes, publicKey, { padding: 'none' })).toBe(json)
    expect(await sealed([], publicKey)).toBe('')
  })

  it('is sealed as it is, and stays with the caller', async () => {
    const { publicKey } = await testPair('server')
    const bytes = utf8(`${'['.repeat(1000)} no JSON`)
    expect((await sealed(bytes, publicKey, { padding: 'none' })).length).toBe(bytes.length)
    expect(textOf(bytes)).toContain('no JSON')
  })
})

describe('what an observer sees of a sealed message', () => {
  const sealedSize = async (length: number, padding?: 'padme' | 'none'): Promise<number> => {
    const { publicKey } = await testPair('server')
    const message = { text: 'x'.repeat(length - '{"text":""}'.length) }
    const envelope = await sealJson(message, publicKey, padding === undefined ? {} : { padding })
    return envelope.length
  }

  it('is one size for all lengths of a bucket, unless padding is turned off', async () => {
    const bucket = [993, 1000, 1010, 1024]
    expect(new Set(bucket.map(padmeLength)).size).toBe(1)
    const sizes = await Promise.all(bucket.map((length) => sealedSize(length)))
    expect(new Set(sizes).size).toBe(1)
    expect(sizes).not.toContain(await sealedSize(1025))
    expect(sizes).not.toContain(await sealedSize(992))
    const unpadded = await Promise.all(bucket.map((length) => sealedSize(length, 'none')))
    expect(new Set(unpadded).size).toBe(bucket.length)
  })

  it('is the size of white space added inside', async () => {
    const { publicKey, privateKey } = await testPair('server')
    const { plaintext } = await openEnvelope(await sealJson({ n: 12345 }, publicKey), privateKey)
    expect(textOf(plaintext)).toBe('{"n":12345} ')
  })
})

/** The formula of the paper, on 32-bit integers. */
function byBitMasks(length: number): number {
  const exponent = 31 - Math.clz32(length)
  const lowBits = exponent - (32 - Math.clz32(exponent))
  const mask = (1 << lowBits) - 1
  return (length + mask) & ~mask
}
