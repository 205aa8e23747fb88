import { createCipheriv, pbkdf2Sync } from 'node:crypto'
import { keyVectors, type KeyVector } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import type { PublicKey } from '../src/suite.js'
import { importLegacyPrivateKey, importPrivateKey, importPublicKey } from '../src/keys/index.js'
import { encodePem } from '../src/keys/pem.js'
import { concat, expectRefusal } from './support.js'
import { keyRefusal, keyText, pinOf, sha256Hex } from '@nomyo-internal/testing/vectors/expectations'

const vectors = keyVectors().map((vector) => ({
  ...vector,
  name: `${vector.kind} ${vector.file}: ${vector.why}`,
}))
const loadable = vectors.filter(({ expect }) => expect === 'load')
const refused = vectors.filter(({ expect }) => expect.startsWith('reject:'))
const decided = vectors.filter(({ expect }) => expect === 'policy')

/** Reads the file the way the vector asks for; gives its public key. */
async function load(
  { kind, file, password, public: publicFile }: KeyVector,
  options: { minBits?: number } = {},
): Promise<PublicKey> {
  if (kind === 'public') return importPublicKey(keyText(file), options)
  const pair = await importPrivateKey(keyText(file), {
    ...options,
    ...(password === undefined ? {} : { password }),
    ...(publicFile === undefined ? {} : { publicKeyPem: keyText(publicFile) }),
  })
  expect(pair.privateKey.bits).toBe(pair.publicKey.bits)
  return pair.publicKey
}

async function expectStatedKey(vector: KeyVector, key: PublicKey): Promise<void> {
  expect(key.bits).toBe(vector.bits)
  if (vector.spki_sha256 === undefined) return
  expect(sha256Hex(key.spkiDer)).toBe(vector.spki_sha256)
  expect(key.fingerprint).toBe(pinOf(vector.spki_sha256))
}

it('puts every vector into one of three kinds', () => {
  expect([loadable.length, refused.length, decided.length]).toEqual([13, 40, 13])
})

it.each(loadable)('loads $name', async (vector) => {
  await expectStatedKey(vector, await load(vector))
})

it.each(refused)('refuses $name', async (vector) => {
  await expectRefusal(() => load(vector), keyRefusal(vector))
})

describe('vectors whose outcome is a policy', () => {
  const loads = async (vector: KeyVector): Promise<void> =>
    expectStatedKey(vector, await load(vector))

  const refuses = (code: string) => async (vector: KeyVector) =>
    await expectRefusal(() => load(vector), code)

  /** Too small for a server key, unless the caller lowers the bar. */
  const needsPermission = async (vector: KeyVector): Promise<void> => {
    await refuses('ERR_KEY_WEAK')(vector)
    await expectStatedKey(vector, await load(vector, { minBits: 2048 }))
  }

  const decisions: Readonly<Record<string, (vector: KeyVector) => Promise<void>>> = {
    'keys/pkcs1.private.pem': loads,
    // Fit to be one's own key, but not where a caller asks for more.
    'keys/rsa2048.private.pem': async (vector) => {
      await loads(vector)
      await expectRefusal(() => load(vector, { minBits: 4096 }), 'ERR_KEY_WEAK')
    },
    // Here with a password, which this key does not have.
    'keys/client.private.pem': refuses('ERR_KEY_PASSWORD'),
    'keys/oneline.public.pem': loads,
    'keys/leading-text.public.pem': refuses('ERR_KEY_INVALID'),
    'keys/trailing-text.public.pem': refuses('ERR_KEY_INVALID'),
    'keys/two-keys.public.pem': refuses('ERR_KEY_INVALID'),
    'keys/pkcs1.public.pem': refuses('ERR_KEY_INVALID'),
    'keys/rsa2048.public.pem': needsPermission,
    'keys/rsa3072.public.pem': needsPermission,
    'keys/rsa4096-e3.public.pem': refuses('ERR_KEY_WEAK'),
    'keys/n-4095.public.pem': refuses('ERR_KEY_WEAK'),
    'keys/nomyo-js-password.private.pem': refuses('ERR_KEY_PASSWORD'),
  }

  it('is decided without exception', () => {
    expect(Object.keys(decisions).sort()).toEqual(decided.map(({ file }) => file).sort())
  })

  it.each(decided)('$name', async (vector) => {
    await decisions[vector.file]?.(vector)
    expect.hasAssertions()
  })
})

describe('the smallest key', () => {
  it.each([0, 1, 512, 1024, 2047])('never has 1024 bits, for any minimum: %d', async (minBits) => {
    const own = () => importPrivateKey(keyText('keys/rsa1024.private.pem'), { minBits })
    const foreign = () => importPublicKey(keyText('keys/rsa1024.public.pem'), { minBits })
    await expectRefusal(own, 'ERR_KEY_WEAK')
    await expectRefusal(foreign, 'ERR_KEY_WEAK')
  })

  it.each([Number.NaN, Number.NEGATIVE_INFINITY, -1, 2048.5, '4096'])(
    'is never asked for by the option %o',
    async (given) => {
      const minBits = given as number
      const own = () => importPrivateKey(keyText('keys/rsa1024.private.pem'), { minBits })
      const foreign = () => importPublicKey(keyText('keys/rsa1024.public.pem'), { minBits })
      await expectRefusal(own, 'ERR_ARGUMENT_INVALID')
      await expectRefusal(foreign, 'ERR_ARGUMENT_INVALID')
    },
  )

  it("may be smaller for a pair of one's own than for the key of another", async () => {
    const pem = keyText('keys/rsa2048.private.pem')
    const { publicKey } = await importPrivateKey(pem)
    const pair = await importPrivateKey(pem, { publicKeyPem: publicKey.pem })
    expect(pair.publicKey.fingerprint).toBe(publicKey.fingerprint)
  })

  it('is checked before anything else of the key', async () => {
    const twice = () =>
      importPrivateKey(keyText('keys/client.private.pem'), {
        minBits: 8192,
        publicKeyPem: keyText('keys/other.public.pem'),
      })
    await expectRefusal(twice, 'ERR_KEY_WEAK')
  })
})

describe('the format of nomyo-js 0.1', () => {
  const vector = decided.find(({ file }) => file === 'keys/nomyo-js-password.private.pem')!
  const pem = keyText(vector.file)
  const password = vector.password!

  it('loads with its password, and with its public key', async () => {
    const publicKeyPem = keyText(vector.public!)
    const pair = await importLegacyPrivateKey(pem, password, { publicKeyPem })
    await expectStatedKey(vector, pair.publicKey)
    expect(pair.privateKey.extractable).toBe(false)
  })

  it('can be exported anew when asked for', async () => {
    const pair = await importLegacyPrivateKey(pem, password, { extractable: true })
    expect(pair.privateKey.extractable).toBe(true)
  })

  it.each(['', 'Correct horse battery staple', `${password} `])(
    'does not load with the wrong password "%s"',
    async (wrong) => {
      await expectRefusal(() => importLegacyPrivateKey(pem, wrong), 'ERR_KEY_PASSWORD')
    },
  )

  // Once in 256 times a wrong password gives sound padding, and nonsense before it.
  it('reports only a wrong password where the content is garbage', async () => {
    const key = pbkdf2Sync(password, new Uint8Array(16), 100_000, 32, 'sha256')
    const cipher = createCipheriv('aes-256-cbc', key, new Uint8Array(16))
    const der = concat(new Uint8Array(32), cipher.update('nonsense'), cipher.final())
    const nonsense = encodePem('PRIVATE KEY', der)
    await expectRefusal(() => importLegacyPrivateKey(nonsense, password), 'ERR_KEY_PASSWORD')
  })

  it.each([0, 31, 32])('is not %d bytes', async (bytes) => {
    const pem = encodePem('PRIVATE KEY', new Uint8Array(bytes).fill(1))
    await expectRefusal(() => importLegacyPrivateKey(pem, password), 'ERR_KEY_INVALID')
  })

  it('is not loaded as anything else', async () => {
    await expectRefusal(() => importPrivateKey(pem), 'ERR_KEY_INVALID')
    const otherPublicKey = { publicKeyPem: keyText('keys/other.public.pem') }
    await expectRefusal(
      () => importLegacyPrivateKey(pem, password, otherPublicKey),
      'ERR_KEY_MISMATCH',
    )
  })

  it.each([
    'keys/client.private.pem',
    'keys/client.public.pem',
    'keys/encrypted.private.pem',
    'keys/garbage.pem',
  ])('is not %s', async (file) => {
    await expectRefusal(() => importLegacyPrivateKey(keyText(file), password), 'ERR_KEY_INVALID')
  })
})
