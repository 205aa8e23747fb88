import { faults } from '@nomyo/testkit'
import { describe, expect, it, vi } from 'vitest'
import { expectFailure, rows } from './key-fetch-faults.js'
import { connect, contentOf, failureOf, hello } from './support.js'

vi.mock(import('@nomyo/transport'), async (original) =>
  (await import('./instant-retries.js')).instantRetries(original),
)

describe('a key fetch that returns', () => {
  it.each(rows)('%s: fails, and nothing is encrypted', (...row) => expectFailure(row, 60_000))
})

describe('a key fetch that hangs', () => {
  it('ends with its client', async () => {
    const { gateway, client } = await connect()
    gateway.keyFetch(faults.hang())
    const failure = failureOf(client.create(hello))
    await expect.poll(() => gateway.keyFetches.length).toBe(1)
    client.dispose()
    expect(await failure).toMatchObject({ code: 'ERR_ABORTED' })
    await expect.poll(() => gateway.connections.open, { timeout: 3000 }).toBe(0)
  })
})

describe('many first calls at once', () => {
  it('fetch the key once', async () => {
    const { gateway, client } = await connect()
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.create(hello)))
    expect(answers.map(contentOf)).toEqual(Array(20).fill('Hello!'))
    expect(gateway.keyFetches).toHaveLength(1)
    expect(new Set(gateway.requests.map(({ payloadId }) => payloadId)).size).toBe(20)
  })

  it('fail together once, and fetch it once more', async () => {
    const { gateway, client } = await connect()
    gateway.keyFetch(faults.status(500))
    const errors = await Promise.all(
      Array.from({ length: 20 }, () => failureOf(client.create(hello))),
    )
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_SERVER' })
    gateway.keyFetch(undefined)
    await Promise.all(Array.from({ length: 20 }, () => client.create(hello)))
    expect(gateway.keyFetches).toHaveLength(2)
  })
})
