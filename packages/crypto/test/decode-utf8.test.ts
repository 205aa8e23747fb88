import { platform } from '#crypto-platform'
import { expect, it } from 'vitest'
import { seededRandom } from '@nomyo-internal/testing'
import { utf8 } from './support.js'

const strict = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

it.each(['', 'ASCII', 'Größe', '漢字', '🙂', '\uFEFFmark', 'x'.repeat(100_000) + 'é'])(
  'reads %j as it was written',
  (text) => {
    expect(platform.decodeUtf8(utf8(text))).toBe(text)
  },
)

it('takes and refuses what the strict decoder of the platform does', () => {
  const random = seededRandom(8)
  const pieces = ['a', '"', 'é', '漢', '🙂', '\uFEFF', '\u0000', '\u07ff', '\uffff']
  const seen = { read: 0, refused: 0 }
  for (let input = 0; input < 50_000; input++) {
    const bytes = utf8(Array.from({ length: random.below(12) }, () => random.of(pieces)).join(''))
    if (bytes.length > 0 && random.below(2) === 0) {
      bytes[random.below(bytes.length)] = random.of([
        0x80, 0xbf, 0xc0, 0xc3, 0xed, 0xf0, 0xf4, 0xff,
      ])
    }
    const text = platform.decodeUtf8(bytes)
    if (text !== strict(bytes)) throw new Error(Buffer.from(bytes).toString('hex'))
    if (text === undefined) seen.refused++
    else seen.read++
  }
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(10_000)
})

it.each(['c080', 'eda080', 'f4908080', 'f8888080', 'c3', 'e2 82', '80'])('refuses %s', (hex) => {
  expect(platform.decodeUtf8(Buffer.from(hex.replace(' ', ''), 'hex'))).toBeUndefined()
})
