import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DerReader, RSA_ENCRYPTION, TAG } from '../src/bytes/der.js'
import {
  derNull,
  derOid,
  derUnsignedInteger,
  derValue,
  smallInteger,
} from '../src/bytes/der-values.js'
import { derSmallInteger } from '../src/keys/encrypted-pkcs8.js'
import { fromHex, toHex, expectRefusal } from './support.js'

const reader = (hex: string): DerReader => new DerReader(fromHex(hex.replaceAll(' ', '')))

describe('the reader', () => {
  it('reads lengths of one, two and three bytes', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65535, 65536]) {
      const content = new Uint8Array(length).fill(7)
      const document = new DerReader(derValue(TAG.octetString, content))
      expect(document.read(TAG.octetString).length).toBe(length)
      expect(document.atEnd).toBe(true)
    }
  })

  it.each([
    ['another tag', '04 01 00'],
    ['nothing at all', ''],
    ['no length', '30'],
    ['a length cut off', '30 82 01'],
    ['content cut off', '30 03 01 02'],
    ['an indefinite length', '30 80 05 00 00 00'],
    ['the reserved length', '30 ff'],
    ['a long form for less than 128', '30 81 01 00'],
    ['a long form of zero', '30 81 00'],
    ['a leading zero byte in the length', `30 82 00 80 ${'00'.repeat(128)}`],
    ['two leading zero bytes in the length', `30 83 00 01 00 ${'00'.repeat(256)}`],
    ['a length of four bytes', `30 84 00 00 01 00 ${'00'.repeat(256)}`],
    ['a length of four bytes that is needed', '30 84 01 00 00 00 00'],
    ['a length beyond every number', '30 88 ff ff ff ff ff ff ff ff 00'],
  ])('refuses %s', async (_, hex) => {
    await expectRefusal(() => reader(hex).sequence(), 'ERR_KEY_INVALID')
  })

  it('refuses bytes behind the end, and reads on before it', async () => {
    const document = reader('05 00 05 00')
    document.null()
    expect(document.atEnd).toBe(false)
    await expectRefusal(() => document.end(), 'ERR_KEY_INVALID')
    document.null()
    expect(document.end()).toBeUndefined()
  })

  it('does not advance when it checks a tag', () => {
    const document = reader('02 01 05')
    expect([document.nextIs(TAG.integer), document.nextIs(TAG.null)]).toEqual([true, false])
    expect(smallInteger(document)).toBe(5)
    expect(document.nextIs(TAG.integer)).toBe(false)
  })

  it.each([
    ['02 01 00', '00'],
    ['02 01 7f', '7f'],
    ['02 02 00 80', '80'],
    ['02 03 01 00 01', '010001'],
  ])('reads the integer %s', (hex, expected) => {
    expect(toHex(reader(hex).unsignedInteger())).toBe(expected)
  })

  it.each([
    ['empty', '02 00'],
    ['negative', '02 01 80'],
    ['minus one', '02 01 ff'],
    ['negative, in several bytes', '02 03 ff 00 01'],
    ['with a zero byte too many', '02 02 00 7f'],
    ['zero in two bytes', '02 02 00 00'],
    ['of another type', '04 01 05'],
  ])('refuses an integer that is %s', async (_, hex) => {
    await expectRefusal(() => reader(hex).unsignedInteger(), 'ERR_KEY_INVALID')
    await expectRefusal(() => smallInteger(reader(hex)), 'ERR_KEY_INVALID')
  })

  it('reads small integers up to 2^31 - 1', async () => {
    expect(smallInteger(reader('02 04 7f ff ff ff'))).toBe(0x7fffffff)
    const tooLarge = ['02 05 00 80 00 00 00', '02 05 01 00 00 00 00', '02 09 00 ffffffffffffffff']
    for (const hex of tooLarge) {
      await expectRefusal(() => smallInteger(reader(hex)), 'ERR_KEY_INVALID')
    }
  })

  it('reads bit strings of whole bytes only', async () => {
    expect(toHex(reader('03 03 00 ab cd').bitString())).toBe('abcd')
    for (const hex of ['03 00', '03 02 01 fe', '03 02 08 00']) {
      await expectRefusal(() => reader(hex).bitString(), 'ERR_KEY_INVALID')
    }
  })

  it('refuses a NULL that is not empty', async () => {
    await expectRefusal(() => reader('05 01 00').null(), 'ERR_KEY_INVALID')
  })
})

describe('the writer', () => {
  it('writes integers the reader reads', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 600n }), (value) => {
        const hex = value.toString(16)
        const even = hex.length % 2 === 0 ? hex : `0${hex}`
        const written = derUnsignedInteger(fromHex(even))
        expect(toHex(new DerReader(written).unsignedInteger())).toBe(even)
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fffffff }), (value) => {
        expect(smallInteger(new DerReader(derSmallInteger(value)))).toBe(value)
      }),
    )
  })

  it('writes the bytes the standard gives', () => {
    expect(toHex(derSmallInteger(0))).toBe('020100')
    expect(toHex(derSmallInteger(128))).toBe('02020080')
    expect(toHex(derSmallInteger(600_000))).toBe('02030927c0')
    expect(toHex(derUnsignedInteger(new Uint8Array()))).toBe('020100')
    expect(toHex(derNull())).toBe('0500')
    expect(toHex(derOid(RSA_ENCRYPTION))).toBe('06092a864886f70d010101')
    expect(toHex(derValue(TAG.sequence, derNull(), derNull()))).toBe('300405000500')
    expect(toHex(derValue(TAG.octetString, new Uint8Array(300))).slice(0, 8)).toBe('0482012c')
  })
})
