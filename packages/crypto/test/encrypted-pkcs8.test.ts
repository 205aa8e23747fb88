import { execFileSync } from 'node:child_process'
import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  pbkdf2Sync,
  type KeyObject,
} from 'node:crypto'
import { isInstalled } from '@nomyo-internal/testing'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { DerReader, TAG } from '../src/bytes/der.js'
import { derNull, derOid, derValue, smallInteger } from '../src/bytes/der-values.js'
import { derSmallInteger } from '../src/keys/encrypted-pkcs8.js'
import { OID } from '../src/keys/oids.js'
import { exportPrivateKey, importPrivateKey } from '../src/keys/index.js'
import { decodePem, encodePem } from '../src/keys/pem.js'
import {
  concat,
  freshPair,
  noteSkipped,
  refusalCodeOf,
  testPair,
  toHex,
  expectRefusal,
} from './support.js'

const PASSWORD = 'pä55 wörd 🔑'
const opensslFound = isInstalled('openssl')
if (!opensslFound) noteSkipped('Reading our keys with OpenSSL', 'there is no openssl on the PATH')

describe('an exported private key', () => {
  let encryptedPem = ''
  let fingerprint = ''
  let publicPem = ''

  beforeAll(async () => {
    const { privateKey, publicKey } = await testPair('client')
    encryptedPem = await exportPrivateKey(privateKey, { password: PASSWORD })
    fingerprint = publicKey.fingerprint
    publicPem = publicKey.pem
  })

  it('is read back with its password', async () => {
    expect(encryptedPem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    const pair = await importPrivateKey(encryptedPem, { password: PASSWORD })
    expect(pair.publicKey.fingerprint).toBe(fingerprint)
    expect(pair.privateKey.extractable).toBe(false)
  })

  it.each([undefined, '', PASSWORD.toUpperCase(), `${PASSWORD} `, PASSWORD.normalize('NFD')])(
    'is not read with the password %s',
    async (password) => {
      const options = password === undefined ? {} : { password }
      await expectRefusal(() => importPrivateKey(encryptedPem, options), 'ERR_KEY_PASSWORD')
    },
  )

  it('states 600,000 rounds of PBKDF2-HMAC-SHA256, and AES-256-CBC', () => {
    const { salt, iv, rounds, oids } = parametersOf(encryptedPem)
    expect([salt.length, iv.length, rounds]).toEqual([16, 16, 600_000])
    expect(oids).toEqual([OID.pbes2, OID.pbkdf2, OID.hmacSha256, OID.aes256Cbc])
  })

  it('is different every time', async () => {
    const { privateKey } = await testPair('client')
    const again = await exportPrivateKey(privateKey, { password: PASSWORD })
    const parts = [again, encryptedPem].map(parametersOf).flatMap(({ salt, iv }) => [salt, iv])
    expect(new Set(parts.map(toHex)).size).toBe(4)
  })

  it('is read by the platform', () => {
    const key = createPrivateKey({ key: encryptedPem, passphrase: PASSWORD })
    expect(spkiPemOf(createPublicKey(key))).toBe(publicPem)
  })

  it.skipIf(!opensslFound)('is read by OpenSSL', () => {
    const pem = execFileSync('openssl', ['pkcs8', '-passin', 'env:PASSWORD'], {
      input: encryptedPem,
      env: { ...process.env, PASSWORD },
      encoding: 'utf8',
    })
    expect(spkiPemOf(createPublicKey(pem))).toBe(publicPem)
  })

  it('without a password is plain PKCS#8', async () => {
    const { privateKey } = await testPair('client')
    const pem = await exportPrivateKey(privateKey)
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
    expect((await importPrivateKey(pem)).publicKey.fingerprint).toBe(fingerprint)
  })

  it('is refused with an empty password', async () => {
    const { privateKey } = await testPair('client')
    await expectRefusal(() => exportPrivateKey(privateKey, { password: '' }), 'ERR_KEY_PASSWORD')
  })

  it.each([{}, { password: PASSWORD }])('needs an extractable key, with %o', async (options) => {
    const { privateKey } = await freshPair('client')
    expect(privateKey.extractable).toBe(false)
    await expectRefusal(() => exportPrivateKey(privateKey, options), 'ERR_KEY_NOT_EXTRACTABLE')
  })
})

describe.skipIf(!opensslFound)('a private key encrypted by OpenSSL', () => {
  const encrypt = async (...how: readonly string[]): Promise<string> => {
    const { privateKey } = await testPair('client')
    return execFileSync('openssl', ['pkcs8', '-topk8', ...how, '-passout', 'env:PASSWORD'], {
      input: await exportPrivateKey(privateKey),
      env: { ...process.env, PASSWORD },
      encoding: 'utf8',
    })
  }

  it.each([
    ['AES-128', ['-v2', 'aes-128-cbc']],
    ['AES-192', ['-v2', 'aes-192-cbc']],
    ['SHA-384', ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA384']],
    ['scrypt', ['-scrypt', '-scrypt_N', '1024', '-scrypt_r', '8', '-scrypt_p', '2']],
  ])('is read when made with %s', async (_, how) => {
    const pair = await importPrivateKey(await encrypt(...how), { password: PASSWORD })
    expect(pair.publicKey.fingerprint).toBe((await testPair('client')).publicKey.fingerprint)
  })

  it.each([
    ['SHA-1', ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA1']],
    ['SHA-1 and one round', ['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA1', '-iter', '1']],
  ])('is read with one notice when made with %s', async (_, how) => {
    const onWarning = vi.fn<(message: string) => void>()
    const pem = await encrypt(...how)
    const pair = await importPrivateKey(pem, { password: PASSWORD, onWarning })
    expect(pair.publicKey.fingerprint).toBe((await testPair('client')).publicKey.fingerprint)
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('openssl pkcs8 -topk8')]])
    expect(onWarning.mock.calls.join()).not.toContain(PASSWORD)
    // A key that is written again has the hash that is written always.
    const again = await exportPrivateKey((await testPair('client')).privateKey, {
      password: PASSWORD,
    })
    expect(parametersOf(again).oids).not.toContain(OID.hmacSha1)
  })

  it('causes no notice with the hash of today', async () => {
    const onWarning = vi.fn()
    await importPrivateKey(await encrypt('-v2', 'aes-256-cbc'), { password: PASSWORD, onWarning })
    expect(onWarning).not.toHaveBeenCalled()
  })

  it.each([
    ['triple DES', ['-v2', 'des3']],
    ['PKCS#12 and triple DES', ['-v1', 'PBE-SHA1-3DES']],
  ])('is refused when made with %s', async (_, how) => {
    const pem = await encrypt(...how)
    await expectRefusal(() => importPrivateKey(pem, { password: PASSWORD }), 'ERR_KEY_INVALID')
  })
})

describe('a hostile encrypted key', () => {
  const salt = derValue(TAG.octetString, new Uint8Array(16))
  const algorithm = (oid: string, parameters = derNull()): Uint8Array =>
    derValue(TAG.sequence, derOid(oid), parameters)
  const prf = algorithm(OID.hmacSha256)
  const roundsOf = (...bytes: number[]) => derValue(TAG.integer, Uint8Array.from(bytes))

  const pbkdf2 = (...parameters: readonly Uint8Array[]): Uint8Array =>
    algorithm(OID.pbkdf2, derValue(TAG.sequence, salt, ...parameters))

  const scrypt = (...numbers: readonly number[]): Uint8Array =>
    algorithm(OID.scrypt, derValue(TAG.sequence, salt, ...numbers.map(derSmallInteger)))

  const encrypted = (kdf: Uint8Array, faults: Faults = {}): string => {
    const { scheme = OID.pbes2, cipher = OID.aes256Cbc, ivBytes = 16, behind = 0 } = faults
    const ciphertext = faults.ciphertext ?? new Uint8Array(32)
    const iv = derValue(TAG.octetString, new Uint8Array(ivBytes))
    const pbes2 = algorithm(scheme, derValue(TAG.sequence, kdf, algorithm(cipher, iv)))
    const content = derValue(TAG.octetString, ciphertext)
    const rest = Array.from({ length: behind }, derNull)
    return encodePem('ENCRYPTED PRIVATE KEY', derValue(TAG.sequence, pbes2, content, ...rest))
  }

  const quickRefusalOf = async (pem: string, options = { password: PASSWORD }): Promise<string> => {
    const start = performance.now()
    const code = await refusalCodeOf(() => importPrivateKey(pem, options))
    expect(performance.now() - start).toBeLessThan(2000)
    return code
  }

  it.each([
    ['2^31 - 1 rounds of PBKDF2', pbkdf2(derSmallInteger(2 ** 31 - 1), prf)],
    ['10,000,001 rounds of PBKDF2', pbkdf2(derSmallInteger(10_000_001), prf)],
    ['no round of PBKDF2', pbkdf2(derSmallInteger(0), prf)],
    ['scrypt with N = 2^30', scrypt(2 ** 30, 8, 1)],
    ['scrypt with N = 2^19, r = 8', scrypt(2 ** 19, 8, 1)],
    ['scrypt with r = 2^30', scrypt(2, 2 ** 30, 1)],
    ['scrypt with p = 2^30', scrypt(16384, 8, 2 ** 30)],
    ['scrypt with p = 17', scrypt(16384, 8, 17)],
    // Each number is harmless here; together they take a minute, or hold up everything else.
    ['scrypt with N = 2^18, r = 8, p = 2', scrypt(2 ** 18, 8, 2)],
    ['scrypt with r = 1025', scrypt(2, 1025, 1)],
    ['scrypt with r = 2^20, p = 16', scrypt(2, 2 ** 20, 16)],
  ])('is refused without doing the work: %s', async (_, kdf) => {
    expect(await quickRefusalOf(encrypted(kdf))).toBe('ERR_KEY_LIMIT')
  })

  it('is refused without a password too, before one is asked for', async () => {
    const pem = encrypted(scrypt(2 ** 30, 8, 1))
    await expectRefusal(() => importPrivateKey(pem), 'ERR_KEY_LIMIT')
  })

  const rounds = derSmallInteger(1)
  const sound = pbkdf2(rounds, prf)

  it.each([
    ['scrypt with N = 0', encrypted(scrypt(0, 8, 1))],
    ['scrypt with N = 1', encrypted(scrypt(1, 8, 1))],
    ['scrypt with N = 3', encrypted(scrypt(3, 8, 1))],
    ['scrypt with r = 0', encrypted(scrypt(16, 0, 1))],
    ['scrypt with p = 0', encrypted(scrypt(16, 8, 0))],
    ['scrypt for a key of another size', encrypted(scrypt(16, 8, 1, 16))],
    ['scrypt with a fifth number', encrypted(scrypt(16, 8, 1, 32, 1))],
    ['rounds beyond 31 bits', encrypted(pbkdf2(roundsOf(1, 0, 0, 0, 0), prf))],
    ['negative rounds', encrypted(pbkdf2(roundsOf(0xff), prf))],
    ['PBKDF2 with an unknown hash', encrypted(pbkdf2(rounds, algorithm('2a864886f70d0208')))],
    ['PBKDF2 for a key of another size', encrypted(pbkdf2(rounds, derSmallInteger(16), prf))],
    ['PBKDF2 with parameters behind', encrypted(pbkdf2(rounds, prf, derNull()))],
    ['an unknown scheme', encrypted(sound, { scheme: OID.pbkdf2 })],
    ['an unknown derivation', encrypted(algorithm('2a8648', derValue(TAG.sequence)))],
    ['an unknown cipher', encrypted(sound, { cipher: OID.hmacSha256 })],
    ['a cipher named like a member of every object', encrypted(sound, { cipher: '2a' })],
    ['a short initialization vector', encrypted(sound, { ivBytes: 8 })],
    ['a long initialization vector', encrypted(sound, { ivBytes: 17 })],
    ['bytes behind it', encrypted(sound, { behind: 1 })],
  ])('is refused as malformed: %s', async (_, pem) => {
    expect(await quickRefusalOf(pem)).toBe('ERR_KEY_INVALID')
  })

  it.each([0, 1, 15, 16, 17, 32, 4096])(
    'reports only a wrong password, with %d bytes of ciphertext',
    async (ciphertextBytes) => {
      const ciphertext = new Uint8Array(ciphertextBytes)
      expect(await quickRefusalOf(encrypted(sound, { ciphertext }))).toBe('ERR_KEY_PASSWORD')
    },
  )

  // Once in 256 times a wrong password gives sound padding, and nonsense before it.
  it('reports only a wrong password where the content is garbage', async () => {
    const key = pbkdf2Sync(PASSWORD, new Uint8Array(16), 1, 32, 'sha256')
    const cipher = createCipheriv('aes-256-cbc', key, new Uint8Array(16))
    const ciphertext = concat(cipher.update('nonsense'), cipher.final())
    expect(await quickRefusalOf(encrypted(sound, { ciphertext }))).toBe('ERR_KEY_PASSWORD')
  })

  it('takes no work without a password', async () => {
    const deriveBits = vi.spyOn(crypto.subtle, 'deriveBits')
    onTestFinished(() => deriveBits.mockRestore())
    await expectRefusal(() => importPrivateKey(encrypted(sound)), 'ERR_KEY_PASSWORD')
    expect(deriveBits).not.toHaveBeenCalled()
  })

  it.each([
    [1024, 8, 1],
    [2, 1024, 1],
    [2, 8, 128],
  ])('is tried with the modest scrypt numbers %d, %d, %d', async (...numbers) => {
    expect(await quickRefusalOf(encrypted(scrypt(...numbers, 32)))).toBe('ERR_KEY_PASSWORD')
  })

  it.each(['PRIVATE KEY', 'RSA PRIVATE KEY'])('is not hidden under the label %s', async (label) => {
    const pem = encodePem(label, decodePem(encrypted(sound)).der)
    await expectRefusal(() => importPrivateKey(pem, { password: PASSWORD }), 'ERR_KEY_PASSWORD')
    await expectRefusal(() => importPrivateKey(pem), 'ERR_KEY_INVALID')
  })
})

const spkiPemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()

/** Variations around a key derivation. */
interface Faults {
  scheme?: string
  cipher?: string
  ivBytes?: number
  ciphertext?: Uint8Array
  behind?: number
}

/** The parameters of PBES2, and the object ids in their order. */
function parametersOf(pem: string) {
  const algorithm = new DerReader(decodePem(pem).der).sequence().sequence()
  const scheme = algorithm.oid()
  const parameters = algorithm.sequence()
  const kdf = parameters.sequence()
  const derivation = kdf.oid()
  const kdfParameters = kdf.sequence()
  const salt = kdfParameters.read(TAG.octetString)
  const rounds = smallInteger(kdfParameters)
  const hash = kdfParameters.sequence().oid()
  const encryption = parameters.sequence()
  const cipher = encryption.oid()
  const iv = encryption.read(TAG.octetString)
  return { salt, iv, rounds, oids: [scheme, derivation, hash, cipher] }
}
