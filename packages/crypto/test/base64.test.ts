import { platform } from '#crypto-platform'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64Length, decodedLength } from '../src/bytes/base64.js'
import { decodeBase64, decodeBase64Text } from '../src/bytes/decode-base64.js'
import { toHex, utf8 } from './support.js'

const { encodeBase64 } = platform

const anyBytes = fc.uint8Array({ maxLength: 200 })

/** The platform's lenient decoder, and the one spelling it would itself have written. */
const isCanonical = (text: string): boolean =>
  Buffer.from(text, 'base64').toString('base64') === text

/** Decodes both as a short text and as bytes of any length, which must have the same result. */
async function decode(text: string): Promise<Uint8Array | undefined> {
  const short = decodeBase64Text(text)
  const long = await decodeBase64(utf8(text), 0)
  const areEqual = short && long ? Buffer.compare(short, long) === 0 : short === long
  if (!areEqual) throw new Error(`decoded in two ways: ${JSON.stringify(text.slice(0, 100))}`)
  return short
}

describe('encoding', () => {
  it('is that of the platform', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const encoded = encodeBase64(bytes)
        expect(encoded).toBe(Buffer.from(bytes).toString('base64'))
        expect(encoded.length).toBe(base64Length(bytes.length))
      }),
    )
  })

  it('writes at an offset and returns the offset behind', () => {
    const target = new Uint8Array(12).fill(0x2e)
    const end = platform.encodeBase64Into(Uint8Array.of(0xff, 0xff), target, 3)
    expect(new TextDecoder().decode(target)).toBe('...//8=.....')
    expect(end).toBe(7)
  })
})

describe('decoding', () => {
  it('inverts encoding', async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        const encoded = Buffer.from(bytes).toString('base64')
        expect(decodedLength(utf8(encoded))).toBe(bytes.length)
        expect(toHex((await decode(encoded))!)).toBe(toHex(bytes))
      }),
    )
  })

  it.each(['A', 'AA', 'AAA', 'AAAAA', 'AQI'])(
    'knows that no bytes have the length of %s',
    (text) => {
      expect(decodedLength(utf8(text))).toBeUndefined()
    },
  )

  // Long ones are read in parts of 64 KiB.
  it.each([49151, 49152, 49153, 98304, 200_000])(
    'takes %d bytes, and no other spelling',
    async (size) => {
      const bytes = Buffer.alloc(size, 'some bytes that come again')
      const encoded = bytes.toString('base64')
      expect(Buffer.from((await decode(encoded))!).equals(bytes)).toBe(true)
      for (const position of [0, 65_532, 65_535, 65_536, encoded.length - 5]) {
        for (const character of ['=', '-', '_', '\n', '"', 'Ａ', '\x80']) {
          const text = encoded.slice(0, position) + character + encoded.slice(position + 1)
          expect((await decode(text)) !== undefined).toBe(isCanonical(text))
        }
      }
      // Padding where a part ends, and more behind it.
      expect(await decode(`${encoded.slice(0, 65_532)}AA==${encoded}`)).toBeUndefined()
      expect(await decode(`${encoded.slice(0, 65_532)}AAA=${encoded}`)).toBeUndefined()
    },
  )

  it('into a larger buffer leaves the rest alone', async () => {
    const target = new Uint8Array(5).fill(9)
    expect(await platform.decodeBase64Into(utf8('AQI='), target)).toBe(true)
    expect([...target]).toEqual([1, 2, 9, 9, 9])
  })

  it.each([
    ['white space', ['AAA A', ' AAAA', 'AAAA ', 'AAAA\n', 'AA\r\nAA', 'AA\tA', 'AAAA    ']],
    ['the alphabet for URLs', ['AA-_', '-AAA', '___=', '_w==']],
    ['missing padding', ['A', 'AA', 'AAA', 'AAAAA', 'AAAAAA', 'AQI', 'AQ=']],
    [
      'too much padding',
      ['=', '==', '===', '====', 'A===', 'AAAA=', 'AAAA====', 'AQ====', 'AQI=='],
    ],
    ['padding in the middle', ['AQ==AQ==', 'AQI=AAAA', 'A=AA', 'AA=A', '=AAA', 'AQ=A']],
    ['unused bits that are not zero', ['AR==', 'A/==', 'AQJ=', 'AQL=', 'AQK=', '//9=']],
    [
      'characters from elsewhere',
      ['AA*A', 'AA.A', 'AA,A', 'AA\0A', 'AA%2', '"AA"', 'AA~A', '!AAA'],
    ],
    // Their low bytes, or their compatibility forms, are letters.
    [
      'letters beyond ASCII',
      ['ＡＡＡＡ', 'AAAＡ', 'ŁAAA', 'AAA\u0141', '\u{1D400}AA', 'AAA\x80', 'AA\xC1A'],
    ],
  ])('refuses %s', async (_, texts) => {
    for (const text of texts) expect(await decode(text), JSON.stringify(text)).toBeUndefined()
  })

  it('leaves room behind', async () => {
    expect([...(decodeBase64Text('AQID', 2) ?? [])]).toEqual([1, 2, 3, 0, 0])
    expect([...((await decodeBase64(utf8('AQID'), 2)) ?? [])]).toEqual([1, 2, 3, 0, 0])
  })

  it('takes exactly the canonical spellings among all short texts', async () => {
    const characters = ['A', 'B', 'Q', 'g', 'w', '/', '+', '9', '=', '-', ' ', '\n', 'Ａ']
    const texts = [...textsOver(characters, 4)]
    const accepted: string[] = []
    for (const text of texts) if ((await decode(text)) !== undefined) accepted.push(text)
    expect(accepted).toEqual(texts.filter(isCanonical))
    expect(accepted.length).toBeGreaterThan(1000)
  })

  it('takes exactly the canonical spellings among changed ones', async () => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.string({ maxLength: 2 }))
    await fc.assert(
      fc.asyncProperty(anyBytes, change, async (bytes, [position, dropped, inserted]) => {
        const encoded = Buffer.from(bytes).toString('base64')
        const start = position % (encoded.length + 1)
        const text = encoded.slice(0, start) + inserted + encoded.slice(start + dropped)
        expect((await decode(text)) !== undefined).toBe(isCanonical(text))
      }),
      { numRuns: 5000 },
    )
  })
})

function* textsOver(characters: readonly string[], maxLength: number): Generator<string> {
  yield ''
  if (maxLength === 0) return
  for (const rest of textsOver(characters, maxLength - 1)) {
    for (const character of characters) yield character + rest
  }
}
