import { createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { RSA_ENCRYPTION, TAG } from '../src/bytes/der.js'
import {
  derNull,
  derOid,
  derUnsignedInteger,
  derValue,
  rsaAlgorithm,
} from '../src/bytes/der-values.js'
import { derSmallInteger } from '../src/keys/encrypted-pkcs8.js'
import { openJson, sealJson } from '../src/envelope/index.js'
import { SecurityError } from '../src/errors.js'
import { importPrivateKey, importPublicKey } from '../src/keys/index.js'
import { decodePem, encodePem } from '../src/keys/pem.js'
import { parseRsaSpki, type RsaPublicNumbers } from '../src/wire-v1/rsa-der.js'
import { spkiOfPkcs8 } from '../src/wire-v1/rsa-pkcs8.js'
import {
  concat,
  fromHex,
  refusalCodeOf,
  testPair,
  numbersOf,
  toHex,
  valueOrRefusal,
  expectRefusal,
} from './support.js'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'

const spki = decodePem(keyText('keys/server.public.pem')).der
const pkcs8 = decodePem(keyText('keys/server.private.pem')).der

it('writes the SPKI of the platform from its numbers', async () => {
  expect(toHex(encodeRsaSpki(parseRsaSpki(spki, 4096)))).toBe(toHex(spki))
  expect(toHex(spkiOfPkcs8(pkcs8))).toBe(toHex(spki))
  const { publicKey } = await testPair('server')
  expect(createPublicKey(publicKey.pem).export({ type: 'spki', format: 'der' })).toEqual(
    Buffer.from(spki),
  )
})

describe('a public key that was touched', () => {
  const load = (der: Uint8Array) => () => importPublicKey(encodePem('PUBLIC KEY', der))

  it('is refused wherever it is cut off', async () => {
    for (let length = 0; length < spki.length; length++) {
      const code = await refusalCodeOf(load(spki.subarray(0, length)))
      expect(code, `cut to ${length} bytes`).toBe('ERR_KEY_INVALID')
    }
  })

  it.each(['00', '0500', '3000'])('is refused with %s behind it', async (hex) => {
    const der = concat(spki, fromHex(hex))
    await expectRefusal(load(der), 'ERR_KEY_INVALID')
    await expectRefusal(() => parseRsaSpki(der, 4096), 'ERR_KEY_INVALID')
  })

  it('is refused or another key, whichever bit of it is changed', async () => {
    const { fingerprint } = (await testPair('server')).publicKey
    const fingerprints = new Set<string>([fingerprint])
    let loaded = 0
    for (let bit = 0; bit < spki.length * 8; bit++) {
      const changed = Uint8Array.from(spki)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const outcome = await valueOrRefusal(load(changed))
      if (outcome instanceof SecurityError) continue
      loaded++
      fingerprints.add(outcome.fingerprint)
    }
    // Each that loads is a key of its own; most bits are those of the modulus.
    expect(fingerprints.size).toBe(loaded + 1)
    expect(loaded).toBeGreaterThan(4000)
  })

  it('is refused with something added at any level', async () => {
    const { modulus, exponent } = parseRsaSpki(spki, 4096)
    const numbers = [derUnsignedInteger(modulus), derUnsignedInteger(exponent)]
    const algorithm = [derOid(RSA_ENCRYPTION), derNull()]
    const spkiOf = (
      options: { key?: Uint8Array[]; inner?: Uint8Array; algorithm?: Uint8Array[] } = {},
      ...more: Uint8Array[]
    ): Uint8Array =>
      derValue(
        TAG.sequence,
        derValue(TAG.sequence, ...(options.algorithm ?? algorithm)),
        derValue(
          TAG.bitString,
          Uint8Array.of(0),
          derValue(TAG.sequence, ...(options.key ?? numbers)),
          options.inner ?? new Uint8Array(),
        ),
        ...more,
      )
    expect(toHex(spkiOf())).toBe(toHex(spki))
    const faulty = {
      'a value behind the key': spkiOf({}, derNull()),
      'a third number': spkiOf({ key: [...numbers, derSmallInteger(1)] }),
      'one number only': spkiOf({ key: numbers.slice(0, 1) }),
      'bytes behind the numbers': spkiOf({ inner: derNull() }),
      'no parameters': spkiOf({ algorithm: algorithm.slice(0, 1) }),
      'parameters twice': spkiOf({ algorithm: [...algorithm, derNull()] }),
      'other parameters': spkiOf({ algorithm: [derOid(RSA_ENCRYPTION), derSmallInteger(0)] }),
    }
    // By our own reader: platforms differ in what they let pass.
    for (const [what, der] of Object.entries(faulty)) {
      await expectRefusal(() => parseRsaSpki(der, 4096), 'ERR_KEY_INVALID', what)
    }
  })
})

describe('the strength of a public key', () => {
  const { modulus } = parseRsaSpki(spki, 4096)
  const withExponent = (hex: string) => () =>
    importPublicKey(encodePem('PUBLIC KEY', encodeRsaSpki({ modulus, exponent: fromHex(hex) })))

  it.each(['010001', '010003', '01ffffffff'])('allows the exponent %s', async (hex) => {
    expect(await withExponent(hex)()).toHaveProperty('bits', 4096)
  })

  it.each(['', '01', '03', 'ffff', '010000', '010002', '02ffffffff', '0100000000000001'])(
    'forbids the exponent "%s"',
    async (hex) => {
      await expectRefusal(withExponent(hex), 'ERR_KEY_WEAK')
    },
  )

  it('ends at 8192 bits', async () => {
    const ofBits = (bits: number) => () => {
      const large = new Uint8Array(Math.ceil(bits / 8)).fill(0xff)
      large[0] = 0xff >> (large.length * 8 - bits)
      const der = encodeRsaSpki({ modulus: large, exponent: fromHex('010001') })
      return importPublicKey(encodePem('PUBLIC KEY', der))
    }
    expect(await ofBits(8192)()).toHaveProperty('bits', 8192)
    await expectRefusal(ofBits(8193), 'ERR_KEY_LIMIT')
    await expectRefusal(ofBits(4095), 'ERR_KEY_WEAK')
  })
})

describe('a private key that was touched', () => {
  const load = (der: Uint8Array) => () => importPrivateKey(encodePem('PRIVATE KEY', der))

  it('is refused wherever it is cut off', async () => {
    for (let length = 0; length < pkcs8.length; length++) {
      const code = await refusalCodeOf(load(pkcs8.subarray(0, length)))
      expect(code, `cut to ${length} bytes`).toBe('ERR_KEY_INVALID')
    }
  })

  it('is refused with bytes behind it', async () => {
    const der = concat(pkcs8, derNull())
    await expectRefusal(load(der), 'ERR_KEY_INVALID')
    await expectRefusal(() => parsePkcs8(der, 4096), 'ERR_KEY_INVALID')
  })

  it('is refused, or opens what is sealed for it', async () => {
    // Every 31st byte, so that each of its eight numbers is met. Platforms differ in what they
    // notice: a number of the Chinese remainder form can be made up for by the others.
    for (let position = 0; position < pkcs8.length; position += 31) {
      const changed = Uint8Array.from(pkcs8)
      changed[position]! ^= 0x10
      const pair = await valueOrRefusal(load(changed))
      if (pair instanceof SecurityError) continue
      expect(pair.publicKey.fingerprint).toBe((await testPair('server')).publicKey.fingerprint)
      const { value } = await openJson(await sealJson({ n: 1 }, pair.publicKey), pair.privateKey)
      expect(value).toEqual({ n: 1 })
    }
  })

  it('is refused with a modulus or an exponent that is not its own', async () => {
    const numbers = numbersOf(pkcs8)
    for (const index of [0, 1]) {
      const number = Uint8Array.from(numbers[index]!)
      number[number.length - 3]! ^= 0x02
      const der = build(0, 0, numbers.with(index, number))
      await expectRefusal(load(der), 'ERR_KEY_INVALID', `number ${index}`)
    }
  })

  it('has its strength checked before the platform sees it', async () => {
    const weak = decodePem(keyText('keys/rsa1024.private.pem')).der
    await expectRefusal(() => parsePkcs8(weak, 2048), 'ERR_KEY_WEAK')
    await expectRefusal(() => parsePkcs8(pkcs8, 4097), 'ERR_KEY_WEAK')
  })

  it('is refused with another version, or more or fewer numbers', async () => {
    const numbers = numbersOf(pkcs8)
    expect(toHex(build(0, 0, numbers))).toBe(toHex(pkcs8))
    const faulty = {
      'PKCS#8 version 1': build(1, 0, numbers),
      'multi-prime RSA': build(0, 1, numbers),
      'seven numbers': build(0, 0, numbers.slice(0, -1)),
      'nine numbers': build(0, 0, [...numbers, Uint8Array.of(1)]),
      'bytes behind the numbers': build(0, 0, numbers, derNull()),
    }
    for (const [what, der] of Object.entries(faulty)) {
      await expectRefusal(() => parsePkcs8(der, 4096), 'ERR_KEY_INVALID', what)
    }
  })
})

function build(
  version: number,
  keyVersion: number,
  numbers: readonly Uint8Array[],
  behind = new Uint8Array(),
): Uint8Array {
  const key = derValue(
    TAG.sequence,
    derSmallInteger(keyVersion),
    ...numbers.map((number) => derUnsignedInteger(number)),
  )
  return derValue(
    TAG.sequence,
    derSmallInteger(version),
    derValue(TAG.sequence, derOid(RSA_ENCRYPTION), derNull()),
    derValue(TAG.octetString, key, behind),
  )
}

const parsePkcs8 = (der: Uint8Array, minBits: number): RsaPublicNumbers =>
  parseRsaSpki(spkiOfPkcs8(der), minBits)

function encodeRsaSpki({ modulus, exponent }: RsaPublicNumbers): Uint8Array {
  const key = derValue(TAG.sequence, derUnsignedInteger(modulus), derUnsignedInteger(exponent))
  return derValue(TAG.sequence, rsaAlgorithm(), derValue(TAG.bitString, Uint8Array.of(0), key))
}
