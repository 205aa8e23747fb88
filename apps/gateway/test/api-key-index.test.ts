import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ApiKeyIndex } from '../src/access/api-keys/api-key-index.js'
import { generateApiKey, hashApiKey } from '../src/access/api-keys/api-key.js'

const listed = (key: string, name: string, salt?: Uint8Array) => ({
  name,
  ...hashApiKey(key, salt),
})

it('finds keys of one salt and of many, and no others', async () => {
  const keys = Array.from({ length: 6 }, generateApiKey)
  const salt = randomBytes(16)
  const index = new ApiKeyIndex(
    keys.map((key, at) => listed(key, `key-${at}`, at < 3 ? salt : undefined)),
  )
  for (const [at, key] of keys.entries()) {
    expect((await index.find(key))?.name).toBe(`key-${at}`)
    for (const wrong of [key.slice(0, -1), `${key}x`, '']) {
      expect(await index.find(wrong)).toBeUndefined()
    }
  }
  expect(await new ApiKeyIndex([]).find(keys[0]!)).toBeUndefined()
})

it('lets other work go on between the hashes of many salts', async () => {
  const key = generateApiKey()
  const others = Array.from({ length: 2200 }, (_, at) => listed(`${key}${at}`, `other-${at}`))
  const index = new ApiKeyIndex([listed(key, 'mine'), ...others])
  const state = { turns: 0, isDone: false }
  const count = (): void => {
    state.turns++
    if (!state.isDone) setImmediate(count)
  }
  setImmediate(count)
  expect((await index.find(key))?.name).toBe('mine')
  state.isDone = true
  expect(state.turns).toBeGreaterThanOrEqual(4)
})

describe('many salts', () => {
  const index = () => {
    const keys = Array.from({ length: 2 }, generateApiKey)
    const others = Array.from({ length: 1200 }, (_, at) => listed(`other${at}`, `other-${at}`))
    const own = keys.map((key, at) => listed(key, `own-${at}`))
    return { keys, index: new ApiKeyIndex([...own, ...others]) }
  }
  const refused = { statusCode: 503, code: 'busy' }

  it('take one turn at a time, however many tokens are tried', async () => {
    const { index: keys } = index()
    const state = { turns: 0, isDone: false }
    const count = (): void => {
      state.turns++
      if (!state.isDone) setImmediate(count)
    }
    setImmediate(count)
    const searches = Array.from({ length: 16 }, (_, at) => keys.find(`wrong${at}`))
    expect(new Set(await Promise.all(searches))).toEqual(new Set([undefined]))
    state.isDone = true
    // Five each, less those of the first search before the count begins.
    expect(state.turns).toBeGreaterThan(16 * 4)
  })

  it('are tried for a bounded number of tokens; one that was found before does not wait', async () => {
    const {
      index: keys,
      keys: [key = '', other = ''],
    } = index()
    expect((await keys.find(key))?.name).toBe('own-0')
    const results = Array.from({ length: 100 }, (_, at) => keys.find(`wrong${at}`))
    const all = Promise.allSettled(results)
    await expect(keys.find(other)).rejects.toMatchObject(refused)
    expect((await keys.find(key))?.name).toBe('own-0')
    const rejected = (await all).filter(({ status }) => status === 'rejected')
    expect(rejected).toHaveLength(84)
    expect((await keys.find(other))?.name).toBe('own-1')
  })
})
