import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Bytes } from '../../src/bytes/bytes.js'
import { loadClassicKem, loadHybridKem } from '../../src/wire-2/index.js'
import { hybridKem } from '../../src/wire-2/kem/hybrid.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import { x25519Platform } from '../../src/wire-2/platform/x25519/node.js'
import { expectRefusal, toHex } from '../support.js'
import { hybridKems } from './support.js'

const kems = await hybridKems()
const seed32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('implementations of the hybrid KEM', () => {
  it('compute the same keys and secrets', async () => {
    await fc.assert(
      fc.asyncProperty(seed32, async (seed) => {
        const keys = await Promise.all(kems.map((kem) => kem.importKey(seed)))
        const publicKeys = keys.map(({ publicKey }) => toHex(publicKey))
        expect(new Set(publicKeys).size).toBe(1)
        for (const [at, kem] of kems.entries()) {
          const publicKey = keys[at]?.publicKey ?? new Uint8Array()
          const { enc, sharedSecret } = await kem.encapsulate(publicKey)
          for (const key of keys) {
            expect(toHex(await key.decapsulate(enc))).toBe(toHex(sharedSecret))
          }
        }
      }),
      { numRuns: 20 },
    )
  })

  it('compute the same secret for an encapsulation with a flipped bit', async () => {
    await fc.assert(
      fc.asyncProperty(seed32, fc.nat({ max: 1120 * 8 - 1 }), async (seed, bit) => {
        const keys = await Promise.all(kems.map((kem) => kem.importKey(seed)))
        const [kem] = kems
        const publicKey = keys[0]?.publicKey ?? new Uint8Array()
        const { enc, sharedSecret } = (await kem?.encapsulate(publicKey)) ?? {
          enc: seed,
          sharedSecret: seed,
        }
        enc[bit >> 3] = (enc[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const secrets = await Promise.all(
          keys.map((key) => key.decapsulate(enc).then(toHex, () => 'refused')),
        )
        expect(new Set(secrets).size).toBe(1)
        expect(secrets[0]).not.toBe(toHex(sharedSecret))
      }),
      { numRuns: 20 },
    )
  })

  it('X25519 alone is loaded on demand', async () => {
    expect(await loadClassicKem()).toBe(x25519Kem)
  })

  it('is the best one that works here', async () => {
    const order = ['native', 'platform', 'javascript'] as const
    const best = order.find((name) => kems.some(({ implementation }) => implementation === name))
    expect((await loadHybridKem()).implementation).toBe(best)
  })
})

describe.each(
  [x25519Kem, ...kems].map((kem) => [`${kem.name}, ${kem.implementation}`, kem] as const),
)('%s', (_, kem) => {
  it('refuses keys and encapsulations of other lengths', async () => {
    const key = await kem.importKey(new Uint8Array(32).fill(1))
    for (const length of [0, 31, 33, kem.publicKeyBytes - 1, kem.publicKeyBytes + 1]) {
      await expectRefusal(() => kem.encapsulate(new Uint8Array(length)), 'ERR_KEY_INVALID')
    }
    for (const length of [0, 31, 33]) {
      await expectRefusal(() => kem.importKey(new Uint8Array(length)), 'ERR_KEY_INVALID')
    }
    for (const length of [0, kem.encBytes - 1, kem.encBytes + 1]) {
      await expectRefusal(() => key.decapsulate(new Uint8Array(length)), 'ERR_DECRYPTION_FAILED')
    }
  })

  it('refuses an X25519 part of small order', async () => {
    const { publicKey, decapsulate } = await kem.importKey(new Uint8Array(32).fill(1))
    const smallOrder = [
      new Uint8Array(32),
      Uint8Array.from({ length: 32 }, (__, at) => (at ? 0 : 1)),
    ]
    for (const point of smallOrder) {
      const weakKey = new Uint8Array(publicKey)
      weakKey.set(point, weakKey.length - 32)
      await expectRefusal(() => kem.encapsulate(weakKey), 'ERR_KEY_INVALID')
      const { enc } = await kem.encapsulate(publicKey)
      enc.set(point, enc.length - 32)
      await expectRefusal(() => decapsulate(enc), 'ERR_DECRYPTION_FAILED')
    }
  })

  it('releases a key', async () => {
    const key = await kem.importKey(new Uint8Array(32).fill(1))
    const { enc } = await kem.encapsulate(key.publicKey)
    key.dispose()
    key.dispose()
    await expectRefusal(() => key.decapsulate(enc), 'ERR_KEY_DISPOSED')
  })

  it('encapsulates to several keys by turns, also from one buffer', async () => {
    const keys = await Promise.all(
      [1, 2, 1].map((byte) => kem.importKey(new Uint8Array(32).fill(byte))),
    )
    const buffer = new Uint8Array(kem.publicKeyBytes)
    for (const { publicKey, decapsulate } of [...keys, ...keys]) {
      buffer.set(publicKey)
      const { enc, sharedSecret } = await kem.encapsulate(buffer)
      buffer.fill(0)
      expect(toHex(await decapsulate(enc))).toBe(toHex(sharedSecret))
    }
  })

  it('leaves seed and public key of the caller unchanged', async () => {
    const seed = new Uint8Array(32).fill(7)
    const { publicKey } = await kem.importKey(seed)
    const before = toHex(publicKey)
    await kem.encapsulate(publicKey)
    expect([toHex(seed), toHex(publicKey)]).toEqual(['07'.repeat(32), before])
  })
})

it('prepares the key of consecutive encapsulations once, and none that is refused', async () => {
  const prepare = vi.fn((publicKey: Bytes) =>
    publicKey[0] === 0
      ? Promise.reject(new Error('refused'))
      : Promise.resolve(() => Promise.resolve({ enc: publicKey, sharedSecret: publicKey })),
  )
  const { encapsulate, publicKeyBytes } = hybridKem('platform', prepare, vi.fn())
  const buffer = new Uint8Array(publicKeyBytes)
  for (const byte of [1, 1, 2, 2, 1]) {
    const { enc } = await encapsulate(buffer.fill(byte))
    expect(enc.every((one) => one === byte)).toBe(true)
  }
  expect(prepare).toHaveBeenCalledTimes(3)
  const refused = new Uint8Array(publicKeyBytes)
  for (let time = 0; time < 2; time++) {
    await expectRefusal(() => encapsulate(refused), 'ERR_KEY_INVALID')
  }
  expect(prepare).toHaveBeenCalledTimes(5)
  await encapsulate(buffer)
  expect(prepare).toHaveBeenCalledTimes(5)
})

it('refuses an ML-KEM key whose numbers are not reduced', async () => {
  for (const kem of kems) {
    const { publicKey } = await kem.importKey(new Uint8Array(32))
    publicKey.fill(0xff, 0, 384)
    await expectRefusal(() => kem.encapsulate(publicKey), 'ERR_KEY_INVALID')
  }
})

it('exports no generated key on Node, whose version 20 may wait for ever then', async () => {
  const { publicKey } = generateKeyPairSync('x25519')
  const exported = vi.spyOn(Object.getPrototypeOf(publicKey) as typeof publicKey, 'export')
  const [one, other] = [await x25519Platform.generateKey(), await x25519Platform.generateKey()]
  expect(exported).not.toHaveBeenCalled()
  exported.mockRestore()
  const agree = async ({ agree }: typeof one, { publicKey: peer }: typeof one): Promise<string> =>
    toHex(await agree(await x25519Platform.importPublicKey(peer)))
  expect(await agree(one, other)).toBe(await agree(other, one))
})
