import { describe, expect, it } from 'vitest'
import { printable, printableJson, printableLine } from '../src/index.js'

const HOSTILE = 'a\u001b[31mb\u0007\u009b1m\u007f\u202ec\u2066d\r\ne\tf'

describe('terminal-safe text', () => {
  it.each([
    ['printable', printable, 'a[31mb1mcd\ne\tf'],
    ['printableLine', printableLine, 'a[31mb1mcd e f'],
  ])('%s removes controls and reordering', (_name, format, expected) => {
    expect(format(HOSTILE)).toBe(expected)
  })

  it('keeps letters, emoji and their joiners', () => {
    const text = 'Grüße, 世界! 👩‍👩‍👧 é'
    expect(printable(text)).toBe(text)
    expect(printableLine(text)).toBe(text)
  })

  it('escapes in JSON, which parses to the same value', () => {
    const json = printableJson({ [HOSTILE]: [HOSTILE] })
    expect(JSON.parse(json)).toEqual({ [HOSTILE]: [HOSTILE] })
    expect(printable(json)).toBe(json)
  })
})
