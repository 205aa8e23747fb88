import type * as Wire2 from '@nomyo/crypto/wire-2'
import { afterEach, expect, it, vi } from 'vitest'
import { SecureChatCompletion } from '../../src/index.js'
import { memoryStore, select, startStatementServer } from './support.js'

const loader = vi.hoisted(() => ({ failures: 0 }))

vi.mock('@nomyo/crypto/wire-2', async (importOriginal) => {
  const original = await importOriginal<typeof Wire2>()
  return {
    ...original,
    loadHybridKem: () => {
      if (loader.failures === 0) return original.loadHybridKem()
      loader.failures--
      return Promise.reject(new TypeError('Failed to fetch dynamically imported module'))
    },
  }
})

afterEach(() => {
  loader.failures = 0
})

it('a KEM that cannot be loaded is an error of the connection, records nothing, and is loaded at the next request', async () => {
  const server = await startStatementServer()
  const knownServers = memoryStore()
  const { choose } = select(server, { knownServers })
  loader.failures = 1
  await expect(choose()).rejects.toMatchObject({
    name: 'APIConnectionError',
    code: 'ERR_NETWORK',
  })
  expect(knownServers.known).toEqual([])
  expect((await choose()).wire).toBe(2)
})

it('a KEM that cannot be loaded at first is loaded by a retry of the same call', async () => {
  const { url } = await startStatementServer()
  const client = new SecureChatCompletion({
    baseUrl: url,
    allowHttp: true,
    logger: { warn: () => undefined },
  })
  loader.failures = 1
  try {
    expect((await client.chooseWire({ maxRetries: 1 })).wire).toBe(2)
    expect(loader.failures).toBe(0)
  } finally {
    client.dispose()
  }
})
