import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
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
