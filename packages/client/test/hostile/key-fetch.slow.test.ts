import { faults } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import { expectFailure, rows, timeouts } from './key-fetch-faults.js'
import { connect, costOf, failureOf, hello } from './support.js'

describe('a key fetch that returns', () => {
  it.each([...rows, ...timeouts])('%s: fails within bounds of time and memory', async (...row) => {
    await expectFailure(row, row[3] === 'ERR_TIMEOUT' ? 800 : 5000, async (work) => {
      const cost = await costOf(work)
      expect(cost.durationMs).toBeLessThan(8000)
      expect(cost.rssGrowthMiB).toBeLessThan(256)
    })
  })
})

describe('a key fetch that hangs', () => {
  it('is given up by each caller when it is time, and ends for all at its own', async () => {
    const { gateway, client } = await connect({ timeout: 1500 })
    gateway.keyFetch(faults.hang())
    const patient = failureOf(client.create(hello))
    const hasty = client.create(hello, { timeout: 200 })
    const aborted = client.create(hello, { signal: AbortSignal.timeout(200) })
    expect(await failureOf(hasty)).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(await failureOf(aborted)).toMatchObject({ code: 'ERR_ABORTED' })
    expect(await patient).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(gateway.keyFetches).toHaveLength(1)
    await expect.poll(() => gateway.connections.open).toBe(0)
  })
})
