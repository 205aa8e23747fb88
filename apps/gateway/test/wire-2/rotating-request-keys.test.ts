import {
  generateIdentityKey,
  loadClassicKem,
  loadHybridKem,
  parseKeyStatement,
  type KeyStatement,
  type RequestKey,
} from '@nomyo/crypto/wire-2'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { GenerationSecret } from '../../src/request-keys/generation.js'
import {
  RotatingRequestKeys,
  type RequestKeyOptions,
} from '../../src/request-keys/rotating-request-keys.js'
import { Schedule } from '../../src/request-keys/schedule.js'
import {
  memoryStore,
  type RequestKeyStore,
} from '../../src/request-keys/store/request-key-store.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const [hybrid, classic] = [await loadHybridKem(), await loadClassicKem()]
const { key: identity } = await generateIdentityKey()
const RSA_KEY = `sha256/${'A'.repeat(43)}=`
/** The beginning of a period of an hour, or of ten minutes. */
const START = Date.UTC(2026, 10, 28, 12)

/** Keys in memory, at a time that the test sets. */
async function testKeys(options: Partial<RequestKeyOptions> = {}): Promise<RotatingRequestKeys> {
  const keys = await RotatingRequestKeys.open({
    store: memoryStore,
    kems: { hybrid },
    terms: { minWire: '1.0', maxRequest: 1_048_576 },
    statementKeys: () => ({ rsaKeys: [RSA_KEY], identities: [identity] }),
    refreshIdentities: () => Promise.resolve(),
    schedule: new Schedule(HOUR),
    leadMs: 6000,
    logger: { info: () => undefined, warn: () => undefined },
    ...options,
  })
  onTestFinished(() => keys.close())
  return keys
}

/** Stops the clock of the wall and that of the process. */
function stoppedClock(timeMs: number): {
  advance(ms: number): void
  /** Sets the clock of the wall only. */
  jump(ms: number): void
} {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setInterval', 'clearInterval'], now: timeMs })
  onTestFinished(() => void vi.useRealTimers())
  return {
    advance: (ms) => void vi.advanceTimersByTime(ms),
    jump: (ms) => void vi.setSystemTime(Date.now() + ms),
  }
}

const statementOf = async (keys: RotatingRequestKeys): Promise<KeyStatement> =>
  parseKeyStatement(keys.published()?.document ?? new Uint8Array(), { now: Date.now() / 1000 })

const listedId = async (keys: RotatingRequestKeys): Promise<number> =>
  (await statementOf(keys)).keys[0]?.keyId ?? -1

const idsOf = (keys: readonly RequestKey[]): number[] => keys.map(({ id }) => id)

describe('the life of request keys', () => {
  it('lists a key for a period, and decrypts with it for another one and five minutes', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys()
    const first = await listedId(keys)
    expect(await statementOf(keys)).toMatchObject({
      notBefore: START / 1000,
      notAfter: (START + 2 * HOUR) / 1000,
    })
    clock.advance(HOUR - 1)
    await keys.refresh()
    expect(await listedId(keys)).toBe(first)
    clock.advance(1)
    await keys.refresh()
    const second = await listedId(keys)
    expect(second).toBe((first + 1) % 256)
    expect(idsOf(keys.opening())).toEqual([first, second])
    clock.advance(HOUR + 5 * MINUTE - 1)
    expect(idsOf(keys.opening())).toContain(first)
    const [old] = keys.opening()
    clock.advance(1)
    expect(idsOf(keys.opening())).not.toContain(first)
    await keys.refresh()
    // Let go of, not only left out.
    await expect(old?.decapsulate(new Uint8Array(1120))).rejects.toMatchObject({
      code: 'ERR_KEY_DISPOSED',
    })
  })

  it.each([10 * MINUTE, DAY])('keeps statements valid with a period of %d ms', async (period) => {
    const clock = stoppedClock(START + 17)
    const keys = await testKeys({ schedule: new Schedule(period) })
    for (let at = 0; at < 6; at++) {
      clock.advance(period / 2)
      await keys.refresh()
      // Throws for a statement that has expired.
      const { notAfter } = await statementOf(keys)
      expect(notAfter * 1000 - Date.now()).toBeGreaterThanOrEqual(period)
    }
  })

  it('begins with a random id', async () => {
    stoppedClock(START)
    const ids = new Set<number>()
    for (let at = 0; at < 12; at++) ids.add(await listedId(await testKeys()))
    expect(ids.size).toBeGreaterThan(4)
  })

  it('never has two keys of one id, and lists the classic key last', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys({ kems: { hybrid, classic } })
    for (let at = 0; at < 8; at++) {
      const ids = idsOf(keys.opening())
      expect(new Set(ids).size).toBe(ids.length)
      const { keys: listed } = await statementOf(keys)
      expect(listed.map(({ kemId }) => kemId)).toEqual([0x647a, 0x20])
      clock.advance(HOUR)
      await keys.refresh()
    }
  })

  it('makes another statement when the keys that it names change, and none otherwise', async () => {
    stoppedClock(START)
    let rsaKeys = [RSA_KEY]
    const keys = await testKeys({ statementKeys: () => ({ rsaKeys, identities: [identity] }) })
    const before = keys.published()
    await keys.refresh()
    expect(keys.published()).toBe(before)
    rsaKeys = [RSA_KEY, `sha256/${'B'.repeat(43)}=`]
    await keys.refresh()
    expect(await statementOf(keys)).toMatchObject({ rsaKeys })
    expect(keys.published()?.keyList).toEqual(before?.keyList)
  })

  it('renews by its own timer', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys()
    const first = await listedId(keys)
    keys.start({ info: () => undefined } as never)
    clock.advance(HOUR + 2000)
    await vi.waitFor(async () => expect(await listedId(keys)).not.toBe(first))
  })

  it('serves renewals that are asked for at the same time by one', async () => {
    stoppedClock(START)
    const keys = await testKeys()
    expect(keys.refresh()).toBe(keys.refresh())
  })
})

describe('a clock that jumps', () => {
  it('ahead, as after a suspension: nothing is valid until the renewal', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys()
    const first = await listedId(keys)
    clock.jump(3 * HOUR)
    expect(keys.published()).toBeUndefined()
    expect(keys.opening()).toEqual([])
    await keys.refresh()
    expect(await listedId(keys)).toBe((first + 1) % 256)
    expect(keys.opening()).toHaveLength(1)
  })

  it('back: keys of the present time are listed, and the others end with their life', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys()
    const first = await listedId(keys)
    clock.jump(-30 * DAY)
    await keys.refresh()
    const { notBefore } = await statementOf(keys)
    expect(notBefore * 1000).toBeLessThanOrEqual(Date.now())
    // Requests for it may be on their way.
    expect(idsOf(keys.opening())).toContain(first)
    // By the clock of the wall, it would decrypt for a month.
    clock.advance(2 * HOUR + 11 * MINUTE)
    await keys.refresh()
    expect(idsOf(keys.opening())).not.toContain(first)
  })

  it('back and forth: keys stay few and their ids different', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys()
    for (let at = 0; at < 40; at++) {
      clock.jump((at % 2 === 0 ? 1 : -1) * (3 + at) * HOUR)
      await keys.refresh()
      const ids = idsOf(keys.opening())
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids.length).toBeLessThanOrEqual(12)
      await statementOf(keys)
    }
  })
})

describe('a clock that goes back again and again', () => {
  it('leaves a bounded number of keys', async () => {
    const clock = stoppedClock(START)
    const keys = await testKeys()
    for (let at = 0; at < 40; at++) {
      clock.jump(-HOUR)
      await keys.refresh()
      const ids = idsOf(keys.opening())
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids.length).toBeLessThanOrEqual(13)
    }
    await statementOf(keys)
  })
})

/** A store that gateways share, without its encryption. */
function sharedStore(): RequestKeyStore & {
  failure: Error | undefined
  readonly secrets: Map<number, GenerationSecret>
  of(): RequestKeyStore
} {
  const secrets = new Map<number, GenerationSecret>()
  const copyOf = (secret: GenerationSecret): GenerationSecret => ({
    ...secret,
    secret: new Uint8Array(secret.secret),
  })
  const shared = {
    shared: true as const,
    secrets,
    failure: undefined as Error | undefined,
    of: (): RequestKeyStore => {
      const seen = new Set<GenerationSecret>()
      const take = (secret: GenerationSecret): GenerationSecret => {
        seen.add(secret)
        return copyOf(secret)
      }
      const check = (): void => {
        if (shared.failure !== undefined) throw shared.failure
      }
      return {
        shared: true,
        load: async (periods) => {
          await Promise.resolve()
          check()
          const found = periods.flatMap((period): [number, GenerationSecret][] => {
            const secret = secrets.get(period)
            return secret === undefined || seen.has(secret) ? [] : [[period, take(secret)]]
          })
          return { secrets: new Map(found), failures: [] }
        },
        add: async (period, secret) => {
          await Promise.resolve()
          check()
          const kept = secrets.get(period) ?? copyOf(secret)
          secrets.set(period, kept)
          return take(kept)
        },
      }
    },
  }
  return Object.assign(shared, shared.of())
}

describe('shared request keys', () => {
  it('are the same on gateways that start at the same time, and so are their statements', async () => {
    stoppedClock(START)
    const store = sharedStore()
    const [one, two] = await Promise.all([
      testKeys({ store: store.of(), kems: { hybrid, classic } }),
      testKeys({ store: store.of(), kems: { hybrid, classic } }),
    ])
    expect(one.published()).toEqual(two.published())
    expect(store.secrets.size).toBe(1)
  })

  it('are listed only once every gateway decrypts with them', async () => {
    const clock = stoppedClock(START + 53 * MINUTE)
    const store = sharedStore()
    const gateways = [await testKeys({ store: store.of() }), await testKeys({ store: store.of() })]
    // Gateways poll at different times.
    for (let at = 0; at < 60 * 15; at++) {
      clock.advance(1000)
      await gateways[at % 2]?.refresh()
      const opened = gateways.map((keys) => new Set(idsOf(keys.opening())))
      for (const keys of gateways) {
        const id = await listedId(keys)
        expect(opened.map((ids) => ids.has(id))).toEqual([true, true])
      }
    }
    const [one, two] = gateways
    expect(store.secrets.size).toBe(2)
    expect(one?.published()).toEqual(two?.published())
    expect(one?.published()?.usedFrom).toBe((START + HOUR) / 1000)
  })

  it('that could not be made in time are listed a lead after they are', async () => {
    const clock = stoppedClock(START)
    const store = sharedStore()
    const keys = await testKeys({ store: store.of() })
    const first = await listedId(keys)
    store.failure = Object.assign(new Error('down'), { code: 'ERR_KEY_STORE' })
    clock.advance(HOUR + MINUTE)
    await keys.refresh()
    expect(await listedId(keys)).toBe(first)
    store.failure = undefined
    await keys.refresh()
    expect(keys.opening()).toHaveLength(2)
    // Others poll within two seconds.
    clock.advance(3000)
    await keys.refresh()
    expect(await listedId(keys)).toBe(first)
    clock.advance(3000)
    await keys.refresh()
    expect(await listedId(keys)).toBe((first + 1) % 256)
  })

  it('are served without their store for as long as they live, and none after that', async () => {
    const clock = stoppedClock(START)
    const store = sharedStore()
    const warnings: string[] = []
    const keys = await testKeys({
      store: store.of(),
      logger: { info: () => undefined, warn: (message) => warnings.push(message) },
    })
    const first = await listedId(keys)
    store.failure = Object.assign(new Error('down'), { code: 'ERR_KEY_STORE' })
    for (let at = 0; at < 3; at++) await keys.refresh()
    // Once, not at every poll.
    expect(warnings).toHaveLength(1)
    clock.advance(2 * HOUR - 1000)
    await keys.refresh()
    expect(await listedId(keys)).toBe(first)
    clock.advance(1000)
    await keys.refresh()
    expect(keys.published()).toBeUndefined()
    expect(idsOf(keys.opening())).toEqual([first])
    clock.advance(5 * MINUTE)
    await keys.refresh()
    expect(keys.opening()).toEqual([])
    store.failure = undefined
    await keys.refresh()
    expect(await listedId(keys)).toBeTypeOf('number')
  })

  it('are not listed while the store fails, since other gateways may not have them', async () => {
    const clock = stoppedClock(START)
    const store = sharedStore()
    const keys = await testKeys({ store: store.of() })
    const first = await listedId(keys)
    clock.advance(56 * MINUTE)
    await keys.refresh()
    expect(keys.opening()).toHaveLength(2)
    store.failure = Object.assign(new Error('down'), { code: 'ERR_KEY_STORE' })
    clock.advance(5 * MINUTE)
    await keys.refresh()
    expect(await listedId(keys)).toBe(first)
    store.failure = undefined
    clock.advance(1000)
    await keys.refresh()
    expect(await listedId(keys)).toBe(first)
    clock.advance(6000)
    await keys.refresh()
    expect(await listedId(keys)).toBe((first + 1) % 256)
  })

  it('get no id of a key that another gateway made by a clock that is ahead', async () => {
    const clock = stoppedClock(START)
    const store = sharedStore()
    const current = new Schedule(HOUR).periodAt(START)
    for (const [period, id] of [
      [current - 1, 5],
      [current + 1, 6],
    ] as const) {
      const secret = new Uint8Array(32).fill(id)
      store.secrets.set(period, { id, secret, createdAtMs: START - DAY })
    }
    const keys = await testKeys({ store: store.of() })
    // Others may not have the key of this period, which is new.
    expect(await listedId(keys)).toBe(5)
    clock.advance(6000)
    await keys.refresh()
    expect(await listedId(keys)).toBe(7)
    expect(idsOf(keys.opening()).sort()).toEqual([5, 6, 7])
  })

  it('that are not there at the start come later', async () => {
    stoppedClock(START)
    const store = sharedStore()
    store.failure = Object.assign(new Error('down'), { code: 'ERR_KEY_STORE' })
    const keys = await testKeys({ store: store.of() })
    expect(keys.published()).toBeUndefined()
    expect(keys.opening()).toEqual([])
    store.failure = undefined
    await keys.refresh()
    await statementOf(keys)
  })

  it('of another gateway replace those of the same period', async () => {
    stoppedClock(START)
    const store = sharedStore()
    const keys = await testKeys({ store: store.of() })
    const [own] = keys.opening()
    store.secrets.clear()
    const other = await testKeys({ store: store.of() })
    await keys.refresh()
    expect(keys.published()).toEqual(other.published())
    expect(keys.opening()).toHaveLength(1)
    await expect(own?.decapsulate(new Uint8Array(1120))).rejects.toMatchObject({
      code: 'ERR_KEY_DISPOSED',
    })
  })
})
