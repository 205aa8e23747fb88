import { createHash, createPublicKey, verify, webcrypto } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { PolicyError } from '../src/errors.js'
import type { TpmtPublic } from '../src/structures/index.js'
import { akCertificate, ekCertificate, type EncodedCertificate } from '../src/x509/index.js'
import {
  AIK_PURPOSE,
  ANY_PURPOSE,
  EC_AK,
  EK_PURPOSE,
  EMPTY,
  ENDORSED,
  LEAF_EXTENSIONS,
  NOW,
  RSA_AK,
  akLeaf,
  authority,
  basicConstraints,
  bits,
  commonName,
  der,
  ecKey,
  extension,
  hex,
  integer,
  keyUsage,
  octets,
  outcome,
  purposes,
  RSA_1024,
  RSA_2048,
  rsaKey,
  sequence,
  spkiOf,
  time,
  tpmName,
  type Authority,
  type Fields,
} from './support/certificates.js'

const root = authority('root')
const issuer = authority('issuer', root)

interface Circumstances {
  intermediates?: unknown
  roots?: EncodedCertificate[]
  key?: TpmtPublic
  now?: Date | undefined
}

const trusted = { intermediates: [issuer.certificate], roots: [root.certificate] }

async function appraised(
  leaf: unknown,
  given: Circumstances = {},
): Promise<Record<string, string>> {
  const { key, now, ...chain } = { ...trusted, key: EC_AK, now: NOW, ...given }
  const anchor = akCertificate({ leaf, ...chain } as Parameters<typeof akCertificate>[0])
  return outcome(await anchor.endorse({ publicArea: key, name: new Uint8Array(34) }, now))
}

/** Verdicts on a leaf with these fields. */
const appraisedLeaf = (fields: Partial<Fields>, given: Circumstances = {}) =>
  appraised(akLeaf(issuer, fields), given)

/** Verdicts on a valid leaf below these CAs, the last of which issued it. */
const appraisedBelow = (authorities: Authority[], given: Circumstances = {}) =>
  appraised(akLeaf(authorities.at(-1) ?? root), {
    intermediates: authorities.map(({ certificate }) => certificate),
    ...given,
  })

/** Text of the check of the path. */
async function chainDetail(leaf: Uint8Array, intermediates: Uint8Array[]): Promise<string> {
  const anchor = akCertificate({ leaf, intermediates, roots: [root.certificate] })
  const { certificate } = await anchor.endorse({ publicArea: EC_AK, name: new Uint8Array(34) }, NOW)
  return certificate?.chain.detail ?? ''
}

const refused = (check: string, code: string) => ({ trust: 'unendorsed', [check]: code })
const UNTRUSTED = refused('chain', 'CERTIFICATE_UNTRUSTED')
const CHECKS = ['chain', 'validity', 'eku', 'leaf', 'key']
const MALFORMED = {
  trust: 'unendorsed',
  ...Object.fromEntries(CHECKS.map((check) => [check, 'CERTIFICATE_MALFORMED'])),
}

const pem = (certificate: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(certificate).toString('base64')}\n-----END CERTIFICATE-----\n`

describe('the chain', () => {
  it.each([
    ['P-256', 'sha256', ecKey()],
    ['P-256', 'sha512', ecKey()],
    ['P-384', 'sha384', ecKey('P-384')],
    ['P-521', 'sha512', ecKey('P-521')],
    ['P-521', 'sha256', ecKey('P-521')],
    ['RSA-2048', 'sha256', RSA_2048],
    ['RSA-2048', 'sha384', RSA_2048],
    ['RSA-3072', 'sha512', rsaKey(3072)],
  ])('accepts signatures of %s with %s', async (_, hash, key) => {
    const ca = authority('ca', undefined, { key, hash })
    const below = authority('below', ca, { key: ecKey(), hash })
    expect(await appraisedBelow([below], { roots: [ca.certificate] })).toEqual(ENDORSED)
    expect(await appraisedBelow([below])).toEqual(UNTRUSTED)
  })

  it.each([
    ['SHA-1 by ECDSA', ecKey(), 'sha1'],
    ['SHA-1 by RSA', RSA_2048, 'sha1'],
    ['RSA-1024', RSA_1024, 'sha256'],
    ['the RSA exponent 3', rsaKey(2048, 3), 'sha256'],
  ])('refuses signatures of %s', async (_, key, hash) => {
    const ca = authority('weak', root, { key })
    const leaf = akLeaf(ca, { hash })
    expect(await appraised(leaf, { intermediates: [ca.certificate] })).toEqual(UNTRUSTED)
  })

  it('refuses a key with exponent 1, whose signatures can be forged', async () => {
    const modulus = Buffer.alloc(256, 0xff)
    const spki = sequence(
      hex('300d06092a864886f70d0101010500'),
      bits(sequence(der(2, Buffer.of(0), modulus), integer('01'))),
    )
    const signer = { ...RSA_2048, spki }
    const ca = authority('one', root, { key: signer })
    const signature = (tbs: Uint8Array) => {
      const digest = createHash('sha256').update(tbs).digest()
      const info = sequence(hex('300d06096086480165030402010500'), octets(digest))
      const padding = Buffer.alloc(256 - 3 - info.length, 0xff)
      const written = Buffer.concat([Buffer.of(0, 1), padding, Buffer.of(0), info])
      // The platform accepts it: the refusal is ours.
      const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
      expect(verify('sha256', tbs, key, written)).toBe(true)
      return written
    }
    const leaf = akLeaf(ca, { signature })
    expect(await appraised(leaf, { intermediates: [ca.certificate] })).toEqual(UNTRUSTED)
  })

  it('fails without a root', async () => {
    expect(await appraisedLeaf({}, { roots: [] })).toEqual(refused('chain', 'CERTIFICATE_NO_ROOTS'))
  })

  it('requires every intermediate', async () => {
    expect(await appraisedLeaf({})).toEqual(ENDORSED)
    expect(await appraisedLeaf({}, { intermediates: [] })).toEqual(UNTRUSTED)
    expect(await appraisedLeaf({}, { intermediates: undefined })).toEqual(UNTRUSTED)
  })

  it('accepts a leaf that the root issued', async () => {
    expect(await appraisedBelow([])).toEqual(ENDORSED)
  })

  it('distinguishes CAs of one name by their keys', async () => {
    const other = authority('root')
    const impostor = authority('issuer', other)
    expect(await appraisedBelow([impostor])).toEqual(UNTRUSTED)
    const roots = [other.certificate, root.certificate]
    const intermediates = [impostor.certificate, issuer.certificate]
    expect(await appraisedLeaf({}, { roots, intermediates })).toEqual(ENDORSED)
  })

  it('compares names without regard to case and repeated blanks, and by nothing less', async () => {
    const ca = authority('Test CA 1', root)
    const named = async (name: string) =>
      appraised(akLeaf({ ...ca, name: commonName(name) }), { intermediates: [ca.certificate] })
    expect(await named('test  CA 1 ')).toEqual(ENDORSED)
    for (const other of ['Test CA 2', 'Test-CA-1', 'TestCA1', 'Test CA 1.', 'Tést CA 1']) {
      expect(await named(other), other).toEqual(UNTRUSTED)
    }
  })

  it('distinguishes CAs of one key by their names', async () => {
    const leaf = akLeaf({ ...issuer, name: commonName('other') })
    expect(await appraised(leaf)).toEqual(UNTRUSTED)
  })

  it.each<[string, Partial<Fields>]>([
    ['that is not a CA', { extensions: [basicConstraints(false)] }],
    ['without basicConstraints', { extensions: [keyUsage(0x04, 2)] }],
    ['whose key may not sign', { extensions: [basicConstraints(true), keyUsage(0x82, 1)] }],
    ['for TLS servers', { extensions: [basicConstraints(true), purposes('2b06010505070301')] }],
    ['that cannot be parsed', { version: hex('a003020101') }],
  ])('does not lead through a CA %s', async (_, fields) => {
    expect(await appraisedBelow([authority('ca', root, fields)])).toEqual(UNTRUSTED)
  })

  it.each<[string, Partial<Fields>]>([
    ['without keyUsage', { extensions: [basicConstraints(true)] }],
    ['for these certificates', { extensions: [basicConstraints(true), purposes(AIK_PURPOSE)] }],
    ['for any purpose', { extensions: [basicConstraints(true), purposes(ANY_PURPOSE)] }],
    ['with a path length of 0', { extensions: [basicConstraints(true, 0)] }],
  ])('leads through a CA %s', async (_, fields) => {
    expect(await appraisedBelow([authority('ca', root, fields)])).toEqual(ENDORSED)
  })

  it('enforces pathLenConstraint', async () => {
    const limited = (pathLength: number) =>
      authority('upper', root, { extensions: [basicConstraints(true, pathLength)] })
    const below = (upper: Authority) => [upper, authority('lower', upper)]
    expect(await appraisedBelow(below(limited(0)))).toEqual(UNTRUSTED)
    expect(await appraisedBelow(below(limited(1)))).toEqual(ENDORSED)
  })

  it('has eight intermediates at most, and says when there are more', async () => {
    const chain = [root]
    while (chain.length < 10) chain.push(authority(`ca ${chain.length}`, chain.at(-1)))
    expect(await appraisedBelow(chain.slice(1, 9))).toEqual(ENDORSED)
    expect(await appraisedBelow(chain.slice(1, 10))).toEqual(UNTRUSTED)
    const intermediates = chain.slice(1, 10).map(({ certificate }) => certificate)
    expect(await chainDetail(akLeaf(chain[9]!), intermediates)).toContain('beyond the limit of 8')
  })

  it('names the intermediate that cannot be read, with the reason', async () => {
    const detail = await chainDetail(akLeaf(issuer), [root.certificate, Buffer.of(0x30)])
    expect(detail).toContain('intermediates[1]: certificate is cut off')
  })

  it('uses at most eight intermediates', async () => {
    const others = Array.from({ length: 8 }, (_, index) => authority(`other ${index}`).certificate)
    const first = [issuer.certificate, ...others]
    expect(await appraisedLeaf({}, { intermediates: first })).toEqual(ENDORSED)
    expect(await appraisedLeaf({}, { intermediates: first.reverse() })).toEqual(UNTRUSTED)
  })

  it('does bounded work for CAs that all issued each other', async () => {
    const key = ecKey()
    const twin = { ...key, name: commonName('twin'), certificate: Buffer.of() }
    const twins = Array.from({ length: 8 }, (_, index) =>
      authority('twin', twin, { key, serial: integer(`0${index + 1}`) }),
    )
    const verifications = vi.spyOn(webcrypto.subtle, 'verify')
    expect(await appraisedBelow(twins)).toEqual(UNTRUSTED)
    // Twice: among the CAs that are valid now, then among all.
    expect(verifications.mock.calls.length).toBeGreaterThan(8)
    expect(verifications.mock.calls.length).toBeLessThanOrEqual(2 * 8 * 9)
    verifications.mockRestore()
  })

  const numbers = (...values: string[]) => bits(sequence(...values.map(integer)))
  it.each<[string, (signature: Uint8Array) => Uint8Array]>([
    ['has unused bits', (signature) => bits(signature, 1)],
    ['has bytes after it', (signature) => bits(Buffer.concat([signature, Buffer.of(0)]))],
    ['has a number with an additional leading zero', () => numbers('0001', '01')],
    ['has a negative number', () => numbers('ff', '01')],
    ['is zero', () => numbers('00', '00')],
    ['has a number too large', () => numbers('01'.repeat(33), '01')],
    ['has a third number', () => numbers('01', '01', '01')],
    ['is empty', () => bits(Buffer.of())],
  ])('refuses a signature that %s', async (_, signatureField) => {
    const found = await appraisedLeaf({ signatureField })
    expect([UNTRUSTED, MALFORMED]).toContainEqual(found)
  })
})

describe('the validity', () => {
  const NOT_CURRENT = refused('validity', 'CERTIFICATE_NOT_CURRENT')

  it('includes its first and its last second', async () => {
    const at = (text: string) => appraisedLeaf({}, { now: new Date(text) })
    expect(await at('2026-01-01T00:00:00Z')).toEqual(ENDORSED)
    expect(await at('2027-01-01T00:00:00Z')).toEqual(ENDORSED)
    expect(await at('2025-12-31T23:59:59.999Z')).toEqual(NOT_CURRENT)
    expect(await at('2027-01-01T00:00:00.001Z')).toEqual(NOT_CURRENT)
  })

  it('cannot be checked without a time', async () => {
    const now = undefined
    expect(await appraisedLeaf({}, { now })).toEqual(refused('validity', 'CERTIFICATE_NO_TIME'))
    expect(await appraisedLeaf({}, { now: new Date(NaN) })).toEqual(NOT_CURRENT)
  })

  it('has no end at 99991231235959Z', async () => {
    const validity = sequence(time('260101000000Z'), time('99991231235959Z'))
    expect(await appraisedLeaf({ validity })).toEqual(ENDORSED)
  })

  const expired = sequence(time('20010101000000Z'), time('210101000000Z'))

  it('covers every certificate on the path', async () => {
    expect(await appraisedLeaf({ validity: expired })).toEqual(NOT_CURRENT)
    const old = authority('old', root, { validity: expired })
    expect(await appraisedBelow([old])).toEqual(NOT_CURRENT)
  })

  it('uses the valid path of two', async () => {
    const key = ecKey()
    const old = authority('renewed', root, { key, validity: expired })
    const renewed = authority('renewed', root, { key })
    expect(await appraisedBelow([old, renewed])).toEqual(ENDORSED)
  })

  it('of a root is ignored', async () => {
    const old = authority('old root', undefined, { validity: expired })
    const roots = [old.certificate]
    expect(await appraisedBelow([authority('ca', old)], { roots })).toEqual(ENDORSED)
  })
})

describe('the purpose', () => {
  const [constraints, usage, , name] = LEAF_EXTENSIONS as [Buffer, Buffer, Buffer, Buffer]

  it.each([
    ['is absent', []],
    ['is any', [purposes(ANY_PURPOSE)]],
    ['is that of an EK', [purposes(EK_PURPOSE)]],
  ])('is not enough when it %s', async (_, purpose) => {
    const extensions = [constraints, usage, ...purpose, name]
    expect(await appraisedLeaf({ extensions })).toEqual(refused('eku', 'CERTIFICATE_OTHER_PURPOSE'))
  })

  it('may be one of several', async () => {
    const extensions = [constraints, usage, purposes('2b06010505070301', AIK_PURPOSE), name]
    expect(await appraisedLeaf({ extensions })).toEqual(ENDORSED)
  })
})

describe('the leaf', () => {
  const rest = LEAF_EXTENSIONS.slice(2)
  const withoutName = LEAF_EXTENSIONS.slice(0, 3)

  it('is not that of a CA', async () => {
    const isCa = [basicConstraints(true), keyUsage(0x84, 2), ...rest]
    expect(await appraisedLeaf({ extensions: isCa })).toEqual(refused('leaf', 'CERTIFICATE_IS_CA'))
    expect(await appraisedLeaf({ extensions: rest })).toEqual(ENDORSED)
  })

  it('has a key that may sign', async () => {
    const extensions = [keyUsage(0x20, 5), ...rest]
    expect(await appraisedLeaf({ extensions })).toEqual(refused('leaf', 'CERTIFICATE_KEY_USAGE'))
  })

  const email = (critical: boolean) =>
    extension('551d11', sequence(der(0x81, Buffer.from('a@b.example'))), critical)
  const subject = commonName('a machine')

  it.each<[string, Partial<Fields>]>([
    ['neither subject nor subjectAltName', { extensions: withoutName }],
    ['a TPM without version for a subject', { extensions: [...withoutName, tpmName([1, 2])] }],
    ['no subject but an address', { extensions: [...withoutName, email(true)] }],
    ['a critical unknown name', { subject, extensions: [...withoutName, email(true)] }],
  ])('is refused with %s', async (_, fields) => {
    expect(await appraisedLeaf(fields)).toEqual(refused('leaf', 'CERTIFICATE_SUBJECT'))
  })

  it.each<[string, Partial<Fields>]>([
    ['a subject alone', { subject, extensions: withoutName }],
    ['a subject and any other name', { subject, extensions: [...withoutName, email(false)] }],
    ['a TPM for a subject', { subject: EMPTY, extensions: [...withoutName, tpmName([3, 1, 2])] }],
  ])('is accepted with %s', async (_, fields) => {
    expect(await appraisedLeaf(fields)).toEqual(ENDORSED)
  })
})

describe('the key', () => {
  const OTHER_KEY = refused('key', 'CERTIFICATE_OTHER_KEY')

  it('is the key of the quote', async () => {
    expect(await appraisedLeaf({ spki: spkiOf(RSA_AK) }, { key: RSA_AK })).toEqual(ENDORSED)
    expect(await appraisedLeaf({ spki: ecKey().spki })).toEqual(OTHER_KEY)
    expect(await appraisedLeaf({ spki: RSA_2048.spki }, { key: RSA_AK })).toEqual(OTHER_KEY)
    expect(await appraisedLeaf({}, { key: RSA_AK })).toEqual(OTHER_KEY)
    expect(await appraisedLeaf({ spki: spkiOf(RSA_AK) })).toEqual(OTHER_KEY)
  })

  it('matches in every number', async () => {
    if (RSA_AK.type !== 'RSA' || EC_AK.type !== 'ECC') throw new Error('vectors changed')
    const leaf = { spki: spkiOf(RSA_AK) }
    expect(await appraisedLeaf(leaf, { key: { ...RSA_AK, exponent: 3 } })).toEqual(OTHER_KEY)
    expect(await appraisedLeaf({}, { key: { ...EC_AK, curveId: 4 } })).toEqual(OTHER_KEY)
    expect(await appraisedLeaf({}, { key: { ...EC_AK, y: EC_AK.x } })).toEqual(OTHER_KEY)
    expect(await appraisedLeaf({}, { key: { ...EC_AK, x: EC_AK.y } })).toEqual(OTHER_KEY)
  })
})

describe('input from the server', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number', 7],
    ['text', 'certificate'],
    ['empty bytes', new Uint8Array()],
    ['two blocks of PEM', pem(akLeaf(issuer)).repeat(2)],
    ['PEM of another type', pem(akLeaf(issuer)).replaceAll('CERTIFICATE', 'PUBLIC KEY')],
    ['PEM with other base64', pem(akLeaf(issuer)).replace('MII', 'MI-')],
    ['PEM beyond the limit', pem(new Uint8Array(40_000))],
    ['DER beyond the limit', der(0x30, Buffer.alloc(16_385))],
  ])('fails as a leaf when it is %s', async (_, leaf) => {
    expect(await appraised(leaf)).toEqual(MALFORMED)
  })

  it.each<[string, unknown]>([
    ['not a list', 'intermediates'],
    ['null', null],
    ['a list of malformed certificates', [null, 'text', new Uint8Array(3)]],
  ])('fails as intermediates when it is %s', async (_, intermediates) => {
    expect(await appraisedLeaf({}, { intermediates })).toEqual(UNTRUSTED)
  })

  it('does not change with the buffers of the caller', async () => {
    const leaf = Buffer.from(akLeaf(issuer))
    const anchor = akCertificate({ leaf, ...trusted })
    leaf.fill(0)
    const key = { publicArea: EC_AK, name: new Uint8Array(34) }
    expect(outcome(await anchor.endorse(key, NOW))).toEqual(ENDORSED)
  })
})

describe('roots', () => {
  const leaf = akLeaf(issuer)

  it.each<[string, unknown]>([
    ['not a list', root.certificate],
    ['malformed', [new Uint8Array(5)]],
    ['malformed after a valid one', [root.certificate, 'root']],
  ])('throw a PolicyError when they are %s', (_, given) => {
    const roots = given as EncodedCertificate[]
    for (const create of [akCertificate, ekCertificate]) {
      expect(() => create({ leaf, roots })).toThrow(PolicyError)
    }
  })

  it('may be PEM', async () => {
    expect(await appraised(pem(leaf), { roots: [pem(root.certificate)] })).toEqual(ENDORSED)
  })
})

describe('an EK certificate', () => {
  const appraisedEk = async (extensions: Uint8Array[], key: TpmtPublic = RSA_AK) => {
    const leaf = akLeaf(issuer, { spki: spkiOf(key), extensions })
    return outcome(await ekCertificate({ leaf, ...trusted }).endorseEk(key, NOW))
  }
  const rest = [purposes(EK_PURPOSE), tpmName()]
  const KEY_USAGE = refused('leaf', 'CERTIFICATE_KEY_USAGE')

  it('has the keyUsage of an EK', async () => {
    expect(await appraisedEk([keyUsage(0x20, 5), ...rest])).toEqual(ENDORSED)
    expect(await appraisedEk([keyUsage(0x08, 3), ...rest])).toEqual(KEY_USAGE)
    expect(await appraisedEk([keyUsage(0x08, 3), ...rest], EC_AK)).toEqual(ENDORSED)
    expect(await appraisedEk([keyUsage(0x20, 5), ...rest], EC_AK)).toEqual(ENDORSED)
    expect(await appraisedEk([keyUsage(0x80, 7), ...rest], EC_AK)).toEqual(KEY_USAGE)
  })

  it('is not that of an AK', async () => {
    const found = await appraisedEk([purposes(AIK_PURPOSE), tpmName()])
    expect(found).toEqual(refused('eku', 'CERTIFICATE_OTHER_PURPOSE'))
  })
})
