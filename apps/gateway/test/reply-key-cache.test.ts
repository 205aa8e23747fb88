import { publicKeyToHeader, SecurityError } from '@nomyo/crypto'
import { expect, it } from 'vitest'
import { ReplyKeyCache } from '../src/completion/reply-key-cache.js'
import { serverKeys } from './support.js'

const header = publicKeyToHeader(serverKeys.publicKey)
/** The same key in other spellings, as other clients would send others. */
const [second, third] = [`${header}%0A`, `${header}%0D%0A`] as const

it('reads a header once', async () => {
  const keys = new ReplyKeyCache()
  const key = await keys.read(header)
  expect(key.fingerprint).toBe(serverKeys.publicKey.fingerprint)
  expect(await keys.read(header)).toBe(key)
})

it('forgets the one used longest ago when there are too many', async () => {
  const keys = new ReplyKeyCache(2)
  const [first, other] = [await keys.read(header), await keys.read(second)]
  expect(await keys.read(header)).toBe(first)
  await keys.read(third)
  expect(await keys.read(header)).toBe(first)
  expect(await keys.read(second)).not.toBe(other)
})

it('keeps nothing that was refused', async () => {
  const keys = new ReplyKeyCache()
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(keys.read('no key')).rejects.toBeInstanceOf(SecurityError)
  }
})
