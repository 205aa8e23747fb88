import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCertificate } from '../src/x509/certificate.js'
import { DerReader } from '../src/x509/der.js'
import { akCertificate } from '../src/x509/index.js'
import { readTime } from '../src/x509/time.js'
import { isRefused } from './support/appraisal.js'
import {
  EC_AK,
  LEAF_EXTENSIONS,
  NOW,
  akLeaf,
  authority,
  bits,
  der,
  ecKey,
  extension,
  hex,
  integer,
  octets,
  oid,
  RSA_2048,
  sequence,
  time,
  tpmName,
  type Fields,
} from './support/certificates.js'

const ca = authority('ca')

const withExtensions = (...more: Uint8Array[]) => ({ extensions: [...LEAF_EXTENSIONS, ...more] })
/** A leaf with another extension of this type, or with another one besides. */
const changed = (type: string, value: Uint8Array, critical = false) => ({
  extensions: [
    ...LEAF_EXTENSIONS.filter((_, index) => index !== LEAF_TYPES.indexOf(type)),
    extension(type, value, critical),
  ],
})
/** A leaf with a key of these numbers. */
const keyOf = (algorithm: Uint8Array, content: Uint8Array, ...more: Uint8Array[]) => ({
  spki: sequence(algorithm, bits(content), ...more),
})
const rsaKeyOf = (...numbers: string[]) => keyOf(rsa, sequence(...numbers.map(integer)))
const [CONSTRAINTS, USAGE, PURPOSES, NAME] = ['551d13', '551d0f', '551d25', '551d11'] as const
const LEAF_TYPES: readonly string[] = [CONSTRAINTS, USAGE, PURPOSES, NAME]
const SUBJECT_KEY_ID = '551d0e'
const POLICIES = '551d20'
const ANY = sequence(oid('551d2000'))
const uncompressed = ecKey().spki
const numbers = sequence(integer('7f'), integer('03'))
const yearOf = (year: string) => time(`${year}0101000000Z`)
/** A leaf with an extension of this content beside its type. */
const written = (...content: Uint8Array[]) =>
  withExtensions(sequence(oid(SUBJECT_KEY_ID), ...content))
const point = uncompressed.subarray(-65)
const offCurve = Buffer.from(point)
offCurve[64]! ^= 1
const p256 = hex('301306072a8648ce3d020106082a8648ce3d030107')
const rsa = hex('300d06092a864886f70d0101010500')
const ski = extension(SUBJECT_KEY_ID, octets(Buffer.alloc(20, 1)))
const one = octets(Buffer.of(1))

describe('a certificate', () => {
  it.each<[string, Partial<Fields>]>([
    ['of version 3', {}],
    ['with an unknown extension that is not critical', withExtensions(ski)],
    ['with an extension that states the default criticality', written(hex('010100'), octets(one))],
    ['with a cA that states the default', changed(CONSTRAINTS, hex('3003010100'), true)],
    ['with critical policies', changed(POLICIES, sequence(ANY), true)],
    ['with a qualified policy', changed(POLICIES, sequence(sequence(oid('29'), sequence(one))))],
    ['with a serial number of 20 bytes', { serial: integer(`7f${'00'.repeat(19)}`) }],
  ])('is parsed %s', (_, fields) => {
    const { signed, issuer } = parseCertificate(akLeaf(ca, fields))
    expect(issuer).toBe('[["550403 \\"ca"]]')
    expect(signed.length).toBeGreaterThan(100)
  })

  it.each<[string, Partial<Fields>]>([
    ['of version 1', { version: Buffer.of() }],
    ['of version 2', { version: hex('a003020101') }],
    ['with a negative serial number', { serial: integer('80') }],
    ['with a serial number of 21 bytes', { serial: integer(`01${'00'.repeat(20)}`) }],
    ['with an empty serial number', { serial: integer('') }],
    ['with a serial number not in its shortest form', { serial: integer('0001') }],
    ['signed by two algorithms', { innerAlgorithm: hex('300a06082a8648ce3d040303') }],
    ['with unique identifiers', { uniqueIds: hex('81020001') }],
    ['without extensions', { extensionField: Buffer.of() }],
    ['with an empty list of extensions', { extensions: [] }],
    ['with an extension twice', withExtensions(tpmName())],
    ['with an unknown extension twice', withExtensions(ski, ski)],
    ['with nameConstraints that are critical', changed('551d1e', sequence(), true)],
    ['with nameConstraints', changed('551d1e', sequence())],
    ['with critical policyConstraints', changed('551d24', sequence(), true)],
    ['with critical policyMappings', changed('551d21', sequence(), true)],
    ['with a critical inhibitAnyPolicy', changed('551d36', integer('00'), true)],
    ['with an empty list of policies', changed(POLICIES, sequence(), true)],
    ['with a policy twice', changed(POLICIES, sequence(ANY, ANY), true)],
    ['with a policy without an OID', changed(POLICIES, sequence(sequence()), true)],
    [
      'with bytes after a policy',
      changed(POLICIES, sequence(sequence(oid('551d2000'), sequence(), one))),
    ],
    ['with a critical subject key id', changed(SUBJECT_KEY_ID, one, true)],
    ['with an extension of a criticality of BER', written(hex('010102'), octets(one))],
    ['with an extension of an empty criticality', written(hex('0100'), octets(one))],
    ['with an extension of a criticality of two bytes', written(hex('01020000'), octets(one))],
    ['with bytes after the value of an extension', written(one, hex('0500'))],
    ['with bytes after basicConstraints', changed(CONSTRAINTS, hex('30000500'))],
    ['with a path length without a CA', changed(CONSTRAINTS, sequence(integer('01')))],
    ['with a path length below 0', changed(CONSTRAINTS, hex('30060101ff0201ff'))],
    ['with the cA of a BER encoder', changed(CONSTRAINTS, hex('3003010101'))],
    ['with a path length beside a cA of FALSE', changed(CONSTRAINTS, hex('3006010100020100'))],
    ['with keyUsage of no bits', changed(USAGE, hex('0300'))],
    ['with keyUsage of eight unused bits', changed(USAGE, hex('03020880'))],
    ['with keyUsage whose unused bits are set', changed(USAGE, hex('03020781'))],
    ['with keyUsage of three bytes', changed(USAGE, hex('030400800000'))],
    ['with an empty list of purposes', changed(PURPOSES, sequence())],
    ['with an empty list of names', changed(NAME, sequence(), true)],
    ['with a malformed directoryName', changed(NAME, hex('3004a4020500'), true)],
    ['with an empty set in a name', changed(NAME, hex('3006a40430023100'), true)],
    ['with a name of a long tag', changed(NAME, hex('30049f820100'), true)],
    ['with a point off its curve', keyOf(p256, offCurve)],
    ['with the point 0, 0', keyOf(p256, Buffer.concat([Buffer.of(4), Buffer.alloc(64)]))],
    ['with a compressed point', keyOf(p256, Buffer.concat([Buffer.of(2), point.subarray(1, 33)]))],
    ['with the point at infinity', keyOf(p256, Buffer.of(0))],
    ['with a point of another curve', keyOf(p256, ecKey('P-384').spki.subarray(-97))],
    ['with an unknown curve', keyOf(hex('301006072a8648ce3d020106052b8104000a'), point)],
    ['with an unknown key', keyOf(hex('300506032b6570'), Buffer.alloc(32))],
    ['with bytes after its key', keyOf(p256, point, hex('0500'))],
    ['with a negative modulus', rsaKeyOf('ff', '03')],
    ['with a third RSA number', rsaKeyOf('7f', '03', '01')],
    ['with bytes after its RSA numbers', keyOf(rsa, Buffer.concat([numbers, hex('0500')]))],
    ['with a third time', { validity: sequence(...['26', '27', '28'].map(yearOf)) }],
    ['with one time', { validity: sequence(time('260101000000Z')) }],
    ['with a local time', { validity: sequence(time('2601010000+01'), time('270101000000Z')) }],
  ])('is refused %s', (_, fields) => {
    const certificate = akLeaf(ca, fields)
    expect(isRefused(() => parseCertificate(certificate))).toBe(true)
  })

  const sound = akLeaf(ca)

  it('is refused with bytes after it', () => {
    expect(isRefused(() => parseCertificate(Buffer.concat([sound, Buffer.of(0)])))).toBe(true)
  })

  it('is refused when it is cut off', () => {
    for (let length = 0; length < sound.length; length++) {
      expect(isRefused(() => parseCertificate(sound.subarray(0, length)))).toBe(true)
    }
  })

  it('is parsed or refused for any bytes', () => {
    const certificates = [sound, akLeaf(ca, { spki: RSA_2048.spki }), ca.certificate]
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.constantFrom(...certificates), changes, (certificate, list) => {
        const changed = new Uint8Array(certificate)
        for (const [position, byte] of list) changed[position % changed.length] = byte
        isRefused(() => parseCertificate(changed))
      }),
      { numRuns: 2000 },
    )
  })

  it('is refused without an exception when it is random bytes', async () => {
    const roots = [ca.certificate]
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array(), fc.string()), async (leaf) => {
        const key = { publicArea: EC_AK, name: new Uint8Array(34) }
        const { trust, certificate } = await akCertificate({ leaf, roots }).endorse(key, NOW)
        expect(trust).toBe('unendorsed')
        expect(certificate?.chain.code).toBe('CERTIFICATE_MALFORMED')
      }),
    )
  })
})

describe('DER', () => {
  const read = (text: string) => () => new DerReader(hex(text)).enter(0x30)

  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a length that is cut off', '3082'],
    ['content that is cut off', '300100'.slice(0, 4)],
    ['an indefinite length', '30800000'],
    ['a long length below 128', `30817f${'00'.repeat(127)}`],
    ['a long length with a zero byte', `308200ff${'00'.repeat(255)}`],
    ['a length of three bytes', `30830000${'00'.repeat(300)}`],
    ['a reserved length', '30ff00'],
    ['another tag', '3100'],
  ])('refuses %s', (_, text) => {
    expect(isRefused(read(text))).toBe(true)
  })

  it.each([
    ['0', '3000'],
    ['127', `307f${'00'.repeat(127)}`],
    ['128', `308180${'00'.repeat(128)}`],
    ['255', `3081ff${'00'.repeat(255)}`],
    ['256', `30820100${'00'.repeat(256)}`],
  ])('has a content of %s bytes', (length, text) => {
    expect(new DerReader(hex(text)).content(0x30).length).toBe(Number(length))
  })

  it('does not leave an entered value', () => {
    const inner = new DerReader(hex('3002040130')).enter(0x30)
    expect(isRefused(() => inner.content(4))).toBe(true)
  })

  it('is at most 16 KiB', () => {
    const of = (size: number) => () => new DerReader(new Uint8Array(size))
    expect(isRefused(of(16_384))).toBe(false)
    expect(isRefused(of(16_385))).toBe(true)
  })

  it.each([
    ['00', ''],
    ['01', '01'],
    ['7f', '7f'],
    ['0080', '80'],
  ])('has an INTEGER %s', (encoded, value) => {
    expect(Buffer.from(new DerReader(integer(encoded)).unsigned()).toString('hex')).toBe(value)
  })
})

describe('a time', () => {
  const read = (text: string) => readTime(new DerReader(time(text)))

  it('matches the calendar', () => {
    const min = new Date('0001-01-01T00:00:00Z')
    const max = new Date('9999-12-31T23:59:59Z')
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
        const seconds = Math.floor(date.getTime() / 1000)
        const text = new Date(seconds * 1000).toISOString().replace(/\.\d+|[-:T]/g, '')
        expect(read(text)).toBe(seconds * 1000)
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['500101000000Z', '1950-01-01'],
    ['991231000000Z', '1999-12-31'],
    ['000229000000Z', '2000-02-29'],
    ['491231000000Z', '2049-12-31'],
    ['19000228000000Z', '1900-02-28'],
    ['20240229000000Z', '2024-02-29'],
  ])('reads %s', (text, date) => {
    expect(read(text)).toBe(Date.parse(`${date}T00:00:00Z`))
  })

  it.each([
    '20230229000000Z',
    '19000229000000Z',
    '20240230000000Z',
    '20240431000000Z',
    '20240001000000Z',
    '20241301000000Z',
    '20240100000000Z',
    '20240132000000Z',
    '20241232000000Z',
    '20240101240000Z',
    '20240101006000Z',
    '20240101000060Z',
    '202401010000Z0',
    '20240101000000z',
    '20240101000000+0000',
    '20240101000000.5Z',
    '2024010100000Z',
    '2401010000Z',
  ])('refuses %s', (text) => {
    expect(isRefused(() => read(text))).toBe(true)
  })

  it('is refused in another type', () => {
    const printable = der(0x13, Buffer.from('260101000000Z'))
    expect(isRefused(() => readTime(new DerReader(printable)))).toBe(true)
  })
})
