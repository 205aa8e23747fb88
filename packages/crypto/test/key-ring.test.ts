import { describe, expect, it } from 'vitest'
import type { Bytes } from '../src/bytes/bytes.js'
import { openJson, sealJson } from '../src/envelope/index.js'
import { KeyRing } from '../src/keys/index.js'
import type { KeyPair, PrivateKey } from '../src/suite.js'
import { freshPair, pairOf, refusalCodeOf, testPair, expectRefusal } from './support.js'

const sealedFor = async (name: 'server' | 'client' | 'other'): Promise<Bytes> =>
  sealJson({ for: name }, (await testPair(name)).publicKey)

const openCode = (envelope: Bytes, keys: KeyRing | PrivateKey): Promise<string> =>
  refusalCodeOf(() => openJson(envelope, keys))

/** By identity: two keys show nothing that would tell them apart. */
function expectKeys(ring: KeyRing, ...pairs: readonly KeyPair[]): void {
  expect(ring.privateKeys.length).toBe(pairs.length)
  for (const [index, { privateKey }] of pairs.entries()) {
    expect(ring.privateKeys[index]).toBe(privateKey)
  }
}

describe('a key ring', () => {
  it('opens with its one key', async () => {
    const pair = await freshPair('server')
    const ring = new KeyRing(pair)
    expect(ring.current).toBe(pair)
    expectKeys(ring, pair)
    expect((await openJson(await sealedFor('server'), ring)).value).toEqual({ for: 'server' })
    expect(await openCode(await sealedFor('client'), ring)).toBe('ERR_DECRYPTION_FAILED')
  })

  it('opens with the previous key too after a rotation, and with no third one', async () => {
    const [first, second] = [await freshPair('server'), await freshPair('client')]
    const ring = new KeyRing(first)
    ring.rotate(second)
    expect(ring.current).toBe(second)
    expectKeys(ring, second, first)
    expect((await openJson(await sealedFor('server'), ring)).value).toEqual({ for: 'server' })
    expect((await openJson(await sealedFor('client'), ring)).value).toEqual({ for: 'client' })
    expect(await openCode(await sealedFor('other'), ring)).toBe('ERR_DECRYPTION_FAILED')
  })

  it('disposes of the key that precedes the previous one', async () => {
    const pairs = [await freshPair('server'), await freshPair('client'), await freshPair('other')]
    const ring = new KeyRing(pairs[0]!)
    ring.rotate(pairs[1])
    ring.rotate(pairs[2])
    expect(await openCode(await sealedFor('server'), ring)).toBe('ERR_DECRYPTION_FAILED')
    expect(await openCode(await sealedFor('server'), pairs[0]!.privateKey)).toBe('ERR_KEY_DISPOSED')
    expect((await openJson(await sealedFor('client'), ring)).value).toEqual({ for: 'client' })
    expect((await openJson(await sealedFor('other'), ring)).value).toEqual({ for: 'other' })
  })

  it('ends the overlap on request', async () => {
    const [first, second] = [await freshPair('server'), await freshPair('client')]
    const ring = new KeyRing(first)
    ring.rotate(second)
    ring.retirePrevious()
    ring.retirePrevious()
    expectKeys(ring, second)
    expect(await openCode(await sealedFor('server'), ring)).toBe('ERR_DECRYPTION_FAILED')
    expect(await openCode(await sealedFor('server'), first.privateKey)).toBe('ERR_KEY_DISPOSED')
    expect((await openJson(await sealedFor('client'), ring)).value).toEqual({ for: 'client' })
  })

  it('opens with announced keys, and publishes them in order', async () => {
    const [first, second] = [await freshPair('server'), await freshPair('client')]
    const third = await freshPair('other')
    const ring = new KeyRing(first)
    ring.announce(second)
    ring.announce(third)
    expect(ring.current).toBe(first)
    expectKeys(ring, first, second, third)
    for (const name of ['server', 'client', 'other'] as const) {
      expect((await openJson(await sealedFor(name), ring)).value).toEqual({ for: name })
    }
    ring.rotate()
    expect(ring.current).toBe(second)
    expectKeys(ring, second, first, third)
    ring.rotate()
    expect(ring.current).toBe(third)
    expectKeys(ring, third, second)
    expect(await openCode(await sealedFor('server'), first.privateKey)).toBe('ERR_KEY_DISPOSED')
  })

  it('does not rotate without an announced key', async () => {
    const pair = await freshPair('server')
    const ring = new KeyRing(pair)
    await expectRefusal(() => ring.rotate(), 'ERR_KEY_INVALID')
    expectKeys(ring, pair)
  })

  it('keeps its key where there is no previous one to retire', async () => {
    const ring = new KeyRing(await freshPair('server'))
    ring.retirePrevious()
    expect((await openJson(await sealedFor('server'), ring)).value).toEqual({ for: 'server' })
  })

  it('opens with keys of different sizes', async () => {
    const ring = new KeyRing(await freshPair('server'))
    const smaller = await pairOf('keys/rsa2048.private.pem')
    ring.rotate(smaller)
    const envelope = await sealJson({ for: 'smaller' }, smaller.publicKey)
    expect((await openJson(envelope, ring)).value).toEqual({ for: 'smaller' })
    expect((await openJson(await sealedFor('server'), ring)).value).toEqual({ for: 'server' })
  })

  it('is unusable after disposal, once or twice', async () => {
    const [first, second] = [await freshPair('server'), await freshPair('client')]
    const ring = new KeyRing(first)
    const announced = await pairOf('keys/rsa2048.private.pem')
    ring.rotate(second)
    ring.announce(announced)
    ring.dispose()
    ring.dispose()
    const next = await freshPair('other')
    const uses = [
      () => ring.current,
      () => ring.privateKeys,
      () => ring.rotate(next),
      () => ring.rotate(),
      () => ring.announce(next),
      async () => openJson(await sealedFor('client'), ring),
      async () => openJson(await sealedFor('server'), first.privateKey),
      async () => openJson(await sealedFor('client'), second.privateKey),
      () => announced.privateKey.exportPkcs8(),
    ]
    for (const use of uses) await expectRefusal(use, 'ERR_KEY_DISPOSED')
  })
})

describe('a private key that was disposed of', () => {
  it('refuses all use after disposal, and can be disposed of again', async () => {
    const { privateKey } = await freshPair('server', { extractable: true })
    privateKey.dispose()
    privateKey.dispose()
    const uses = [
      async () => openJson(await sealedFor('server'), privateKey),
      () => privateKey.exportPkcs8(),
      () => privateKey.extractable,
    ]
    for (const use of uses) await expectRefusal(use, 'ERR_KEY_DISPOSED')
    expect(privateKey.bits).toBe(4096)
  })

  it('leaves its public key and other copies of it alone', async () => {
    const [one, other] = [await freshPair('server'), await freshPair('server')]
    one.privateKey.dispose()
    const envelope = await sealJson({ n: 1 }, one.publicKey)
    expect((await openJson(envelope, other.privateKey)).value).toEqual({ n: 1 })
  })
})
