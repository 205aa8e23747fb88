import { platform } from '#crypto-platform'
import { afterEach, expect, it, vi } from 'vitest'
import { zeroize } from '../src/bytes/bytes.js'
import {
  openEnvelope,
  openJson,
  sealEnvelope,
  sealJson,
  sealJsonBytes,
} from '../src/envelope/index.js'
import { exportPrivateKey, importLegacyPrivateKey, importPrivateKey } from '../src/keys/index.js'
import { soleBlock, type PemBlock } from '../src/keys/pem.js'
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
  type Parameters = readonly unknown[]
  /** Notes parameters and result of a method each time it is called. */
  const watch = (
    object: object,
    method: string,
    see: (given: Parameters, result: unknown) => void,
  ): void => {
    const methods = object as Record<string, (...given: unknown[]) => unknown>
    const real = methods[method]!
    vi.spyOn(methods, method).mockImplementation(function (this: unknown, ...given) {
      const result = real.apply(this, given)
      see(given, result)
      if (result instanceof Promise)
        void result.then(
          (value) => see(given, value),
          () => undefined,
        )
      return result
    })
  }
  const nameOf = (algorithm: unknown): string =>
    (algorithm as { algorithm: { name: string } }).algorithm.name
  const { subtle } = crypto
  watch(crypto, 'getRandomValues', ([target]) => {
    note(`random ${String((target as Uint8Array).byteLength)}`, target)
  })
  watch(subtle, 'importKey', ([format, key]) => note(`import ${String(format)}`, key))
  watch(subtle, 'exportKey', (_, key) => note('export', key))
  watch(subtle, 'encrypt', ([, , data]) => note('plaintext', data))
  watch(subtle, 'decrypt', ([, key], data) => note(`decrypt ${nameOf(key)}`, data))
  watch(subtle, 'deriveBits', (_, bits) => note('derive', bits))
  watch(TextEncoder.prototype, 'encode', (_, encoded) => note('encoded text', encoded))
  watch(platform, 'encodeJson', (_, encoded) => {
    note('encoded text', (encoded as { bytes: Uint8Array } | undefined)?.bytes)
  })
  watch(platform, 'encryptAesGcm', ([plaintext, key]) => {
    note('plaintext', plaintext)
    note('AES key', key)
  })
  watch(platform, 'decryptAesGcm', ([, key], plaintext) => {
    note('AES key', key)
    note('decrypted', plaintext)
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
  const padded = await buffersDuring(() => sealJsonBytes(utf8('{"n":12345}'), publicKey))
  expectZeroed(padded, 'plaintext')
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

it.each([plainPem, keyText('keys/pkcs1.private.pem'), plainPem + keyText('keys/certificate.pem')])(
  'importing a private key leaves nothing of its PEM behind',
  async (pem) => {
    vi.mocked(soleBlock).mockClear()
    await importPrivateKey(pem)
    const blocks = vi
      .mocked(soleBlock)
      .mock.results.map(({ value }) => value as PemBlock | undefined)
    expectZeroed({ der: blocks.flatMap((block) => block?.der ?? []) }, 'der')
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
