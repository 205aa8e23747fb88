import { platform } from '#crypto-platform'
import { wycheproof } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import { importPrivateKey } from '../src/keys/index.js'
import { encodePem } from '../src/keys/pem.js'
import { RsaPrivateKey } from '../src/wire-v1/rsa-keys.js'
import { concat, encryptAesGcm, fromHex, noteSkipped, toHex } from './support.js'

interface TestFile<Group> {
  testGroups: Group[]
}

interface AesGcmGroup {
  keySize: number
  ivSize: number
  tagSize: number
  tests: Case<{ key: string; iv: string; aad: string; msg: string; ct: string; tag: string }>[]
}

interface OaepGroup {
  privateKeyPkcs8: string
  tests: Case<{ msg: string; ct: string; label: string }>[]
}

type Case<T> = T & { tcId: number; comment: string; result: 'valid' | 'invalid' }

const folder = process.env['NOMYO_WYCHEPROOF_DIR'] ?? ''
if (folder === '') noteSkipped('Wycheproof', 'NOMYO_WYCHEPROOF_DIR names no folder with its files')

describe.skipIf(folder === '')('Wycheproof', () => {
  it('AES-256-GCM, 96-bit nonces, no additional data', async () => {
    const cases = read<AesGcmGroup>('aes_gcm_test.json')
      .filter(({ keySize, ivSize, tagSize }) => keySize === 256 && ivSize === 96 && tagSize === 128)
      .flatMap(({ tests }) => tests)
      .filter(({ aad }) => aad === '')
    for (const { key, iv, msg, ct, tag, result, ...about } of cases) {
      const sealed = concat(fromHex(ct), fromHex(tag))
      const opened = await platform.decryptAesGcm(sealed.slice(), fromHex(key), fromHex(iv))
      expect(hexOf(opened), nameOf(about)).toBe(result === 'valid' ? msg : undefined)
      if (result === 'invalid') continue
      const again = await encryptAesGcm(fromHex(msg), fromHex(key), fromHex(iv))
      expect(toHex(again), nameOf(about)).toBe(toHex(sealed))
    }
    expect(counts(cases)).toEqual({ valid: 21, invalid: 27 })
  })

  it.each([2048, 3072, 4096])('RSA-OAEP-%d with SHA-256 throughout', async (bits) => {
    const [group] = read<OaepGroup>(`rsa_oaep_${bits}_sha256_mgf1sha256_test.json`)
    const privateKey = await importGroupKey(group!)
    expect(privateKey.bits).toBe(bits)
    for (const { msg, ct, label, result, ...about } of group!.tests) {
      const unwrapped = await privateKey.unwrap(fromHex(ct))
      // There is no label in our use; one that was sealed with must not open.
      const expected = result === 'valid' && label === '' ? msg : undefined
      expect(hexOf(unwrapped), nameOf(about)).toBe(expected)
    }
    expect(counts(group!.tests)).toEqual({ valid: 18, invalid: 19 })
  })

  it('RSA-OAEP with MGF1-SHA-1 never opens', async () => {
    const [group] = read<OaepGroup>('rsa_oaep_2048_sha256_mgf1sha1_test.json')
    const privateKey = await importGroupKey(group!)
    for (const { ct, ...about } of group!.tests) {
      expect(await privateKey.unwrap(fromHex(ct)), nameOf(about)).toBeUndefined()
    }
    expect(counts(group!.tests)).toEqual({ valid: 13, invalid: 18 })
  })
})

/** A folder that was named but lacks a file is a mistake, not a reason to skip. */
function read<Group>(file: string): Group[] {
  const content = wycheproof<TestFile<Group>>(file)
  if (content === undefined) throw new Error(`NOMYO_WYCHEPROOF_DIR holds no ${file}`)
  return content.testGroups
}

async function importGroupKey({ privateKeyPkcs8 }: OaepGroup): Promise<RsaPrivateKey> {
  const { privateKey } = await importPrivateKey(encodePem('PRIVATE KEY', fromHex(privateKeyPkcs8)))
  if (privateKey instanceof RsaPrivateKey) return privateKey
  throw new Error('expected a key of the RSA suite')
}

const hexOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : toHex(bytes)

const nameOf = ({ tcId, comment }: { tcId: number; comment: string }): string =>
  `case ${tcId} ${comment}`

const counts = (cases: readonly { result: 'valid' | 'invalid' }[]): Record<string, number> => ({
  valid: cases.filter(({ result }) => result === 'valid').length,
  invalid: cases.filter(({ result }) => result === 'invalid').length,
})
