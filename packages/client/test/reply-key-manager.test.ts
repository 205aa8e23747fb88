import type { KeyPair } from '@nomyo/crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ReplyKeyManager, type ReplyKeyManagerOptions } from '../src/wire-1/reply-key-manager.js'
import { testKey } from './support.js'
import { expectCode, withCode } from '@nomyo-internal/testing'

const turn = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Loaded anew each time, so that disposing of one does not affect the others. */
const sources = { first: () => testKey('client'), next: () => testKey('other') }

function newReplyKeys(options: Partial<ReplyKeyManagerOptions> = {}): ReplyKeyManager {
  const keys = new ReplyKeyManager({
    mode: 'rotating',
    rotationIntervalMs: 0,
    eager: true,
    onRotationFailed: () => undefined,
    ...sources,
    ...options,
  })
  onTestFinished(() => {
    keys.dispose()
  })
  return keys
}

const isDisposed = ({ privateKey }: KeyPair): boolean => {
  try {
    return privateKey.extractable && false
  } catch {
    return true
  }
}

describe('rotating reply keys', () => {
  it('lend one pair to all callers', async () => {
    let made = 0
    const keys = newReplyKeys({ first: () => (made++, testKey('client')) })
    const leases = await Promise.all(Array.from({ length: 10 }, () => keys.lease()))
    expect(new Set(leases.map(({ pair }) => pair)).size).toBe(1)
    expect(made).toBe(1)
  })

  it('keep a replaced pair until its last lease ends', async () => {
    const keys = newReplyKeys()
    const one = await keys.lease()
    const two = await keys.lease()
    keys.replace(await testKey('other'))
    await turn()
    one.release()
    one.release()
    expect(isDisposed(two.pair)).toBe(false)
    two.release()
    expect(isDisposed(two.pair)).toBe(true)
    expect((await keys.lease()).pair).not.toBe(two.pair)
  })

  it('dispose of a pair that comes after their end', async () => {
    const keys = newReplyKeys()
    keys.dispose()
    const late = await testKey('other')
    expect(() => {
      keys.replace(late)
    }).toThrow(withCode('ERR_KEY_DISPOSED'))
    expect(isDisposed(late)).toBe(true)
  })

  it('are rotated again after a rotation whose failure could not be logged', async () => {
    let rotations = 0
    const keys = newReplyKeys({
      rotationIntervalMs: 1,
      next: () => (++rotations === 1 ? Promise.reject(new Error('no')) : testKey('other')),
      onRotationFailed: () => {
        throw new Error('the log is full')
      },
    })
    // An unhandled rejection fails the run of tests.
    await expect.poll(() => rotations).toBeGreaterThan(1)
    keys.dispose()
  })

  it('dispose of a replaced pair at once when it is not on loan', async () => {
    const keys = newReplyKeys()
    const { pair, release } = await keys.lease()
    release()
    expect(isDisposed(pair)).toBe(false)
    keys.replace(await testKey('other'))
    await turn()
    expect(isDisposed(pair)).toBe(true)
  })

  it('rotate by the clock', async () => {
    const keys = newReplyKeys({ rotationIntervalMs: 20 })
    const { pair, release } = await keys.lease()
    release()
    while (!isDisposed(pair)) await turn(5)
    expect((await keys.lease()).pair.publicKey.fingerprint).not.toBe(pair.publicKey.fingerprint)
  })

  it('keep their pair when the next one cannot be generated, and report it', async () => {
    const failures: unknown[] = []
    const keys = newReplyKeys({
      rotationIntervalMs: 10,
      next: () => Promise.reject(new Error('no entropy')),
      onRotationFailed: (error) => failures.push(error),
    })
    const { pair } = await keys.lease()
    while (failures.length === 0) await turn(5)
    expect((await keys.lease()).pair).toBe(pair)
  })

  it('retry after the first one could not be generated', async () => {
    let attempts = 0
    const first = (): Promise<KeyPair> =>
      attempts++ === 0 ? Promise.reject(new Error('disk full')) : testKey('client')
    const keys = newReplyKeys({ first })
    await expect(keys.lease()).rejects.toThrow('disk full')
    await expect(keys.lease()).resolves.toBeDefined()
  })

  it('are generated when first needed, without eager', async () => {
    let made = 0
    const keys = newReplyKeys({ eager: false, first: () => (made++, testKey('client')) })
    await turn()
    expect(made).toBe(0)
    await keys.lease()
    expect(made).toBe(1)
  })
})

describe('one-time reply keys', () => {
  it('lend every pair once, and dispose of it when it is returned', async () => {
    const keys = newReplyKeys({ mode: 'one-time' })
    const leases = await Promise.all(Array.from({ length: 5 }, () => keys.lease()))
    expect(new Set(leases.map(({ pair }) => pair)).size).toBe(5)
    for (const { pair, release } of leases) {
      expect(isDisposed(pair)).toBe(false)
      release()
      expect(isDisposed(pair)).toBe(true)
    }
  })

  it('hold some ready', async () => {
    let made = 0
    const next = (): Promise<KeyPair> => (made++, testKey('other'))
    const keys = newReplyKeys({ mode: 'one-time', next })
    await turn(50)
    const before = made
    await keys.lease()
    expect(made).toBe(before + 1)
  })
})

describe.each(['rotating', 'one-time'] as const)('disposing of %s reply keys', (mode) => {
  it('disposes of those on loan too, and lends no more', async () => {
    const keys = newReplyKeys({ mode })
    const { pair, release } = await keys.lease()
    keys.dispose()
    keys.dispose()
    expect(isDisposed(pair)).toBe(true)
    release()
    await expectCode(keys.lease(), 'ERR_KEY_DISPOSED')
  })

  it('reaches a pair that is still being generated', async () => {
    let resolve: (pair: KeyPair) => void = () => undefined
    const slow = (): Promise<KeyPair> => new Promise((done) => (resolve = done))
    const keys = newReplyKeys({ mode, first: slow, next: () => testKey('other') })
    const leasing = expect(keys.lease()).rejects.toMatchObject({ code: 'ERR_KEY_DISPOSED' })
    keys.dispose()
    const late = await testKey('client')
    resolve(late)
    await leasing
    await turn()
    expect(isDisposed(late)).toBe(true)
  })
})
