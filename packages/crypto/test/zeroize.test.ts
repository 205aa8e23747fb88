import { platform } from '#crypto-platform'
import { afterEach, expect, it, vi } from 'vitest'
import { zeroize } from '../src/bytes/bytes.js'
import { openEnvelope, openJson, sealEnvelope, sealJson } from '../src/envelope/index.js'
import { exportPrivateKey, importLegacyPrivateKey, importPrivateKey } from '../src/keys/index.js'
import { decodePem, type PemBlock } from '../src/keys/pem.js'
import { freshPair, refusalOf, testPair, utf8 } from './support.js'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'

// To get hold of the bytes that came out of a PEM.
vi.mock('../src/keys/pem.js', { spy: true })
afterEach(() => vi.restoreAllMocks())

const plainPem = keyText('keys/client.private.pem')
const encryptedPem = keyText('keys/encrypted.private.pem')
const legacyPem = keyText('keys/nomyo-js-password.private.pem')

it('zeros every buffer it is given', () => {
  const [one, other] = [Uint8Array.of(1, 2), Uint8Array.of(3)]
  zeroize(one, undefined, other)
  expect([...one, ...other]).toEqual([0, 0, 0])
})

/** Collects the very buffers that the platform is handed or hands out while `action` runs. */
async function buffersDuring(action: () => unknown): Promise<Record<string, Uint8Array[]>> {
  const buffers: Record<string, Uint8Array[]> = {}
  const note = (what: string, value: unknown): void => {
    const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value
    if (bytes instanceof Uint8Array) (buffers[what] ??= []).push(bytes)
  }
  const { subtle } = crypto
  const real = {
    random: crypto.getRandomValues.bind(crypto),
    importKey: subtle.importKey.bind(subtle) as (...parameters: unknown[]) => Promise<CryptoKey>,
    exportKey: subtle.exportKey.bind(subtle) as (...parameters: unknown[]) => Promise<ArrayBuffer>,
    encrypt: subtle.encrypt.bind(subtle),
    decrypt: subtle.decrypt.bind(subtle),
    deriveBits: subtle.deriveBits.bind(subtle),
  }
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((target) => {
    note(`random ${String(target.byteLength)}`, target)
    return real.random(target)
  })
  vi.spyOn(subtle, 'importKey').mockImplementation((...parameters: unknown[]) => {
    note(`import ${String(parameters[0])}`, parameters[1])
    return real.importKey(...parameters)
  })
  vi.spyOn(subtle, 'exportKey').mockImplementation(async (...parameters: unknown[]) => {
    const key = await real.exportKey(...parameters)
    note('export', key)
    return key
  })
  vi.spyOn(subtle, 'encrypt').mockImplementation((algorithm, key, data) => {
    note('plaintext', data)
    return real.encrypt(algorithm, key, data)
  })
  vi.spyOn(subtle, 'decrypt').mockImplementation(async (algorithm, key, data) => {
    const plaintext = await real.decrypt(algorithm, key, data)
    note(`decrypt ${key.algorithm.name}`, plaintext)
    return plaintext
  })
  vi.spyOn(subtle, 'deriveBits').mockImplementation(async (algorithm, key, length) => {
    const bits = await real.deriveBits(algorithm, key, length)
    note('derive', bits)
    return bits
  })
  const encode = TextEncoder.prototype.encode
  vi.spyOn(TextEncoder.prototype, 'encode').mockImplementation((text) => {
    const encoded = encode.call(new TextEncoder(), text)
    note('encoded text', encoded)
    return encoded
  })
  const { encodeJson, encryptAesGcm, decryptAesGcm } = platform
  vi.spyOn(platform, 'encodeJson').mockImplementation((...parameters) => {
    const encoded = encodeJson(...parameters)
    note('encoded text', encoded?.bytes)
    return encoded
  })
  vi.spyOn(platform, 'encryptAesGcm').mockImplementation((plaintext, key, nonce, emit) => {
    note('plaintext', plaintext)
    note('AES key', key)
    return encryptAesGcm(plaintext, key, nonce, emit)
  })
  vi.spyOn(platform, 'decryptAesGcm').mockImplementation(async (ciphertextAndTag, key, nonce) => {
    note('AES key', key)
    const plaintext = await decryptAesGcm(ciphertextAndTag, key, nonce)
    note('decrypted', plaintext)
    return plaintext
  })
  await action()
  vi.restoreAllMocks()
  return buffers
}

/** Buffers seen under this name: at least one, and nothing but zeros in any. */
function expectZeroed(buffers: Record<string, Uint8Array[]>, ...names: readonly string[]): void {
  for (const name of names) {
    expect(buffers[name]?.length ?? 0, name).toBeGreaterThan(0)
    for (const bytes of buffers[name] ?? []) {
      expect(
        bytes.every((byte) => byte === 0),
        name,
      ).toBe(true)
    }
  }
}

it('sealing leaves no AES key behind', async () => {
  const { publicKey } = await testPair('server')
  const buffers = await buffersDuring(() => sealEnvelope(utf8('{}'), publicKey))
  expectZeroed(buffers, 'random 44', 'AES key')
})

it('sealing JSON leaves no plaintext behind; sealing bytes leaves those of the caller', async () => {
  const { publicKey } = await testPair('server')
  const value = { text: 'a prompt that is not left in memory' }
  const buffers = await buffersDuring(() => sealJson(value, publicKey))
  expectZeroed(buffers, 'encoded text', 'plaintext')
  const own = utf8('{}')
  await sealEnvelope(own, publicKey)
  expect([...own]).toEqual([...utf8('{}')])
})

it('opening leaves no AES key behind, and JSON no plaintext', async () => {
  const { publicKey, privateKey } = await testPair('server')
  const envelope = await sealJson({ n: 1 }, publicKey)
  const json = await buffersDuring(() => openJson(envelope, privateKey))
  expectZeroed(json, 'decrypt RSA-OAEP', 'AES key', 'decrypted')
  const bytes = await buffersDuring(() => openEnvelope(envelope, privateKey))
  expectZeroed(bytes, 'decrypt RSA-OAEP')
})

it('opening what is no JSON leaves nothing behind either', async () => {
  const { publicKey, privateKey } = await testPair('server')
  const envelope = await sealEnvelope(utf8('no JSON'), publicKey)
  const buffers = await buffersDuring(() => refusalOf(() => openJson(envelope, privateKey)))
  expectZeroed(buffers, 'decrypt RSA-OAEP', 'decrypted')
})

it('importing a private key leaves neither it nor the trial behind', async () => {
  const buffers = await buffersDuring(() => importPrivateKey(plainPem))
  expectZeroed(buffers, 'import pkcs8', 'random 32', 'decrypt RSA-OAEP')
})

it.each([plainPem, keyText('keys/pkcs1.private.pem')])(
  'importing a private key leaves nothing of its PEM behind',
  async (pem) => {
    vi.mocked(decodePem).mockClear()
    await importPrivateKey(pem)
    const { der } = vi.mocked(decodePem).mock.results[0]?.value as PemBlock
    expectZeroed({ der: [der] }, 'der')
  },
)

it('importing an encrypted private key leaves neither it nor its password behind', async () => {
  const options = { password: 'correct horse battery staple' }
  const buffers = await buffersDuring(() => importPrivateKey(encryptedPem, options))
  expectZeroed(buffers, 'encoded text', 'import raw', 'derive', 'decrypt AES-CBC', 'import pkcs8')
})

it('a wrong password leaves nothing behind', async () => {
  const options = { password: 'wrong' }
  const buffers = await buffersDuring(() =>
    refusalOf(() => importPrivateKey(encryptedPem, options)),
  )
  expectZeroed(buffers, 'encoded text', 'import raw', 'derive')
})

it('importing a legacy private key leaves neither it nor its password behind', async () => {
  const buffers = await buffersDuring(() =>
    importLegacyPrivateKey(legacyPem, 'correct horse battery staple'),
  )
  expectZeroed(buffers, 'encoded text', 'import raw', 'derive', 'decrypt AES-CBC', 'import pkcs8')
})

it.each([{}, { password: 'a password' }])(
  'exporting a private key with %o leaves none',
  async (options) => {
    const { privateKey } = await freshPair('client', { extractable: true })
    const buffers = await buffersDuring(() => exportPrivateKey(privateKey, options))
    expectZeroed(buffers, 'export')
    if ('password' in options) expectZeroed(buffers, 'encoded text', 'import raw', 'derive')
  },
)
