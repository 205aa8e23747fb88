import { platform } from '#crypto-platform'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { encodeJson as encode } from '../src/platform/node-json.js'
import { encodeJson, padmeLength } from '../src/envelope/index.js'
import { replaceTransfer, textOf } from './support.js'

const sameSize = (length: number): number => length

/** The result that both must return, or the error that both must throw. */
const outcomeOf = (write: () => string | undefined): unknown => {
  try {
    return write()
  } catch (error) {
    return (error as Error).name
  }
}

const written = (value: unknown, longCharacters?: number): string | undefined => {
  const json = encode(value, sameSize, longCharacters)
  return json && textOf(json.bytes)
}

/** Halves of characters, escapes, and characters of every length in UTF-8. */
const anyUnit = fc.constantFrom('a', '"', '\\', '\n', '\0', 'ä', '好', '🦊', '\ud83e', '\udd8a')
const anyText = fc.array(anyUnit, { maxLength: 30 }).map((units) => units.join(''))
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    anyText,
    fc.constantFrom(null, undefined, true, 1.5, Number.NaN, 1n, Symbol('s'), () => 'f'),
    anyText.map((text) => Object(text) as object),
    anyText.map((text) => ({ toJSON: (name: string) => text + name })),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(anyText, tie('value'), { maxKeys: 5 }),
  ),
}))

describe('JSON whose long strings are written apart', () => {
  it('is that of JSON.stringify, whatever the value and whatever counts as long', () => {
    fc.assert(
      fc.property(anyValue, fc.integer({ min: 0, max: 12 }), (value, longCharacters) => {
        expect(outcomeOf(() => written(value, longCharacters))).toBe(
          outcomeOf(() => JSON.stringify(value)),
        )
      }),
      { numRuns: 3000 },
    )
  })

  // Longer than several parts of 16,384 units; the units before it move where a part ends.
  it.each([
    ['what stays as it is', 'x'],
    ['escapes', '"\n'],
    ['the longest escapes', '\0'],
    ['letters of two bytes', 'ß'],
    ['letters of three bytes', '好'],
    ['letters of two units', '🦊'],
    ['halves of those', '🦊\ud83e'],
    ['all of it', 'a"ß\0好🦊\udd8a\\'],
  ])('is the same for a long string of %s, wherever a part of it ends', (_, text) => {
    for (const before of ['', 'a', 'aa', 'ß', '🦊']) {
      const content = before + text.repeat(70_000 / text.length)
      const value = { messages: [{ role: 'user', content }], content }
      expect(written(value, 10_000) === JSON.stringify(value), before).toBe(true)
    }
  })

  it('grows where the estimate from the beginning is too small', () => {
    for (const text of ['\0', '好', '"']) {
      const value = ['x'.repeat(100_000), 'x'.repeat(70_000) + text.repeat(1_000_000)]
      expect(written(value, 10_000) === JSON.stringify(value), JSON.stringify(text)).toBe(true)
    }
  })

  it('zeroes the buffer that it outgrew', () => {
    const moved: Uint8Array[] = []
    const { fill } = Uint8Array.prototype
    vi.spyOn(Uint8Array.prototype, 'fill').mockImplementation(function (this: Uint8Array, value) {
      moved.push(this)
      return fill.call(this, value)
    })
    encode(['x'.repeat(70_000) + '\0'.repeat(300_000)], sameSize, 64 * 1024)
    vi.restoreAllMocks()
    expect(moved.length).toBeGreaterThan(0)
    for (const bytes of moved) {
      expect(bytes.length).toBeGreaterThan(70_000)
      expect(bytes.every((byte) => byte === 0)).toBe(true)
    }
  })

  it('zeroes the copies of text that it transcodes', () => {
    const copies = replaceTransfer()
    const alloc = vi.spyOn(Buffer, 'alloc')
    encode(['好'.repeat(100_000)], sameSize, 64 * 1024)
    expect(copies.length).toBeGreaterThan(4)
    copies.push(...alloc.mock.results.map(({ value }) => value as Uint8Array))
    vi.restoreAllMocks()
    for (const bytes of copies) expect(bytes.every((byte) => byte === 0)).toBe(true)
  })

  it('takes each long string where it is, also twice the same and as the value itself', () => {
    const value = ['12345', { '67890': '67890' }, '12345']
    expect(written(value, 4)).toBe(JSON.stringify(value))
    expect(written('12345', 4)).toBe('"12345"')
  })

  it('does not search very many values', () => {
    const value = [...Array.from({ length: 20_000 }, () => 'short'), 'l'.repeat(100)]
    expect(written(value, 50)).toBe(JSON.stringify(value))
    let asked = 0
    const objects = value.map((text) => ({
      get text() {
        asked++
        return text
      },
    }))
    expect(written(objects, 50)).toBe(JSON.stringify(objects))
    // By JSON.stringify once each, here and there, and by the search not to the end.
    expect(asked).toBeLessThan(2 * objects.length + 10_000)
  })

  it('hides its length like any other', () => {
    const content = 'x'.repeat(3_000_000)
    const padded = encodeJson({ content }, 'padme')!
    expect(padded.length).toBe(padmeLength(JSON.stringify({ content }).length))
    expect(JSON.parse(textOf(padded))).toEqual({ content })
  })
})

describe('encodeJson', () => {
  it('returns JSON padded with white space in a buffer of its own', () => {
    expect(textOf(encodeJson({ n: 12345 }, 'padme')!)).toBe('{"n":12345} ')
    expect(textOf(encodeJson({ n: 12345 }, 'none')!)).toBe('{"n":12345}')
    expect(encodeJson({ n: 12345 }, 'none')!.buffer.byteLength).toBe(11)
  })

  it('returns undefined and throws exactly as JSON.stringify does', () => {
    expect(encodeJson(undefined, 'padme')).toBeUndefined()
    expect(encodeJson(() => 1, 'padme')).toBeUndefined()
    expect(() => encodeJson(1n, 'padme')).toThrow(TypeError)
    const round: unknown[] = []
    round.push(round)
    expect(() => encodeJson(round, 'padme')).toThrow(TypeError)
  })

  it('is the same on every platform', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const json = outcomeOf(() => {
          const encoded = platform.encodeJson(value, sameSize)
          return encoded && textOf(encoded.bytes)
        })
        expect(json).toBe(outcomeOf(() => JSON.stringify(value)))
      }),
    )
  })
})
