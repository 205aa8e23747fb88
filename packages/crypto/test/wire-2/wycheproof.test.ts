import { wire2Platform } from '#wire-2-platform'
import { wycheproof } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { hkdfExpand, hkdfExtract } from '../../src/wire-2/hpke/hkdf.js'
import { agreeWith, importX25519 } from '../../src/wire-2/kem/curve.js'
import { ML_KEM } from '../../src/wire-2/kem/hybrid.js'
import { concat, expectRefusal, fromHex, noteSkipped, toHex } from '../support.js'
import { hybridKems, mlKems } from './support.js'

/** A file of Wycheproof: groups with settings of their own, each with cases. */
interface TestFile<Case> {
  testGroups: { tests: (Case & About)[] & Record<string, unknown> }[]
}

interface About {
  tcId: number
  comment?: string
  flags: string[]
  result: 'valid' | 'invalid' | 'acceptable'
}

type Cases<Case> = readonly (Case & About)[]

/** The cases of a file; each folder holds some of the files. */
function casesOf<Case>(file: string): Cases<Case> | undefined {
  return wycheproof<TestFile<Case>>(file)?.testGroups.flatMap(({ tests, ...group }) =>
    tests.map((test) => ({ ...group, ...test })),
  )
}

const missing: string[] = []

/** Runs the tests of a file, or skips them. */
function describeFile<Case>(file: string, tests: (cases: Cases<Case>) => void): void {
  const cases = casesOf<Case>(file)
  if (cases === undefined) missing.push(file)
  describe.skipIf(cases === undefined)(`Wycheproof, ${file}`, () => {
    tests(cases ?? [])
  })
}

const nameOf = ({ tcId, comment = '' }: About): string => `case ${tcId} ${comment}`

const count = (cases: Cases<unknown>): Record<string, number> =>
  Object.fromEntries(
    (['valid', 'invalid', 'acceptable'] as const)
      .map((result) => [result, cases.filter((one) => one.result === result).length] as const)
      .filter(([, number]) => number > 0),
  )

interface AesGcmCase {
  keySize: number
  ivSize: number
  tagSize: number
  key: string
  iv: string
  aad: string
  msg: string
  ct: string
  tag: string
}

describeFile<AesGcmCase>('aes_gcm_test.json', (all) => {
  it.each([
    [128, { valid: 40, invalid: 27 }],
    [256, { valid: 39, invalid: 27 }],
  ])('AES-%d-GCM with additional data', async (bits, expected) => {
    const cases = all.filter(
      ({ keySize, ivSize, tagSize }) => keySize === bits && ivSize === 96 && tagSize === 128,
    )
    for (const one of cases) {
      const [nonce, data] = [fromHex(one.iv), fromHex(one.aad)]
      const sealed = fromHex(one.ct + one.tag)
      const opened = await wire2Platform
        .aesGcm(fromHex(one.key))
        .decrypt(sealed.slice(), nonce, data)
      const isValid = one.result === 'valid'
      expect(opened && toHex(opened), nameOf(one)).toBe(isValid ? one.msg : undefined)
      if (!isValid) continue
      const again = new Uint8Array(sealed.length)
      await wire2Platform.aesGcm(fromHex(one.key)).encrypt([fromHex(one.msg)], nonce, data, again)
      expect(toHex(again), nameOf(one)).toBe(toHex(sealed))
    }
    expect(count(cases)).toEqual(expected)
  })
})

interface HmacCase {
  tagSize: number
  key: string
  msg: string
  tag: string
}

describeFile<HmacCase>('hmac_sha256_test.json', (cases) => {
  it('HMAC-SHA-256, also truncated', async () => {
    for (const one of cases) {
      const mac = toHex(await wire2Platform.hmacSha256(fromHex(one.key))(fromHex(one.msg)))
      const isTag = mac.slice(0, one.tagSize / 4) === one.tag
      expect(isTag, nameOf(one)).toBe(one.result === 'valid')
    }
    expect(count(cases)).toEqual({ valid: 66, invalid: 108 })
  })
})

interface HkdfCase {
  ikm: string
  salt: string
  info: string
  size: number
  okm: string
}

describeFile<HkdfCase>('hkdf_sha256_test.json', (all) => {
  it('HKDF-SHA-256, the first block', async () => {
    const cases = all.filter(({ result }) => result === 'valid')
    for (const one of cases) {
      const key = await hkdfExtract(fromHex(one.salt), fromHex(one.ikm))
      const length = Math.min(one.size, 32)
      const expanded = await hkdfExpand(wire2Platform.hmacSha256(key), fromHex(one.info), length)
      expect(toHex(expanded), nameOf(one)).toBe(one.okm.slice(0, 2 * length))
    }
    expect(cases).toHaveLength(83)
  })
})

interface X25519Case {
  public: string
  private: string
  shared: string
}

describeFile<X25519Case>('x25519_test.json', (cases) => {
  it('X25519; points of small order are refused', async () => {
    let refused = 0
    for (const one of cases) {
      const key = await importX25519(fromHex(one.private))
      const agree = async () => toHex(await agreeWith(key, fromHex(one.public)))
      const agreed = await agree().catch(() => 'refused')
      if (agreed === 'refused') refused++
      expect(agreed, nameOf(one)).toBe(/^0+$/.test(one.shared) ? 'refused' : one.shared)
    }
    expect(count(cases)).toEqual({ valid: 264, acceptable: 254 })
    expect(refused).toBe(cases.filter(({ flags }) => flags.includes('ZeroSharedSecret')).length)
    expect(refused).toBeGreaterThan(20)
  })
})

const kems = await mlKems()
const names = kems.map((kem) => [kem.implementation, kem] as const)

interface KeygenCase {
  seed: string
  ek: string
}

describeFile<KeygenCase>('mlkem_768_keygen_seed_test.json', (cases) => {
  it.each(names)('ML-KEM-768, keys from seeds, %s', async (_, kem) => {
    for (const one of cases) {
      const { publicKey } = await kem.importKey(fromHex(one.seed))
      expect(toHex(publicKey) === one.ek, nameOf(one)).toBe(true)
    }
    expect(count(cases)).toEqual({ valid: 100 })
  })
})

interface DecapsulationCase extends KeygenCase {
  c: string
  K: string
}

describeFile<DecapsulationCase>('mlkem_768_test.json', (cases) => {
  it.each(names)('ML-KEM-768, decapsulation, %s', async (_, kem) => {
    for (const one of cases) {
      const outcome = async (): Promise<string> => {
        const key = await kem.importKey(fromHex(one.seed))
        return toHex(await key.decapsulate(fromHex(one.c)))
      }
      const secret = await outcome().catch(() => 'refused')
      expect(secret, nameOf(one)).toBe(one.result === 'valid' ? one.K : 'refused')
    }
    expect(count(cases)).toEqual({ valid: 153, invalid: 40 })
  })
})

interface EncapsulationCase {
  ek: string
}

describeFile<EncapsulationCase>('mlkem_768_encaps_test.json', (cases) => {
  it('MLKEM768-X25519 refuses every malformed public key, in every implementation', async () => {
    for (const kem of await hybridKems()) {
      const { publicKey } = await kem.importKey(new Uint8Array(32).fill(1))
      const ofX25519 = publicKey.subarray(ML_KEM.publicKeyBytes)
      for (const one of cases) {
        const encapsulate = () => kem.encapsulate(concat(fromHex(one.ek), ofX25519))
        if (one.result === 'invalid')
          await expectRefusal(encapsulate, 'ERR_KEY_INVALID', nameOf(one))
        else expect((await encapsulate()).enc, nameOf(one)).toHaveLength(kem.encBytes)
      }
    }
    expect(count(cases)).toEqual({ valid: 133, invalid: 132 })
  })
})

if (missing.length > 0) {
  noteSkipped(
    `Wycheproof, ${missing.join(', ')}`,
    'NOMYO_WYCHEPROOF_DIR names no folder with these files',
  )
}
