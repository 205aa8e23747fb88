import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { faults } from '@nomyo/testkit'
import { expect, it } from 'vitest'
import { connect, contentOf, failureOf } from './support.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Long enough to show when it is kept: 16 KiB, 800 times, are 12.5 MiB. */
const text = 'x'.repeat(16 * 1024)
const request = { model: 'nomyo/echo', messages: [{ role: 'user' as const, content: text }] }
const MOST_MIB = 4

/** Memory held without calls in flight: objects and their buffers, in MiB. */
function heldMiB(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

it('1,000 calls leave nothing behind', { timeout: 240_000 }, async () => {
  const { gateway, client } = await connect()
  const { signal } = new AbortController()
  const call = async (): Promise<void> => {
    expect(contentOf(await client.create(request, { signal }))).toHaveLength(text.length)
    gateway.clear()
  }
  for (let count = 0; count < 200; count++) await call()
  const before = { heldMiB: heldMiB(), timers: timers() }
  for (let count = 0; count < 800; count++) await call()
  expect(heldMiB() - before.heldMiB).toBeLessThan(MOST_MIB)
  expect(timers() - before.timers).toBeLessThan(5)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  expect(gateway.connections.accepted).toBeLessThanOrEqual(5)
  client.dispose()
  await expect.poll(() => gateway.connections.open).toBe(0)
})

it('300 failed calls leave nothing behind', { timeout: 120_000 }, async () => {
  const { gateway, client } = await connect({ timeout: 5000 })
  const { signal } = new AbortController()
  const faultsInTurn = [
    faults.status(500, text),
    faults.tampered(),
    faults.reset(),
    faults.truncated(),
    faults.html(),
    faults.redirect('https://elsewhere.example/'),
  ]
  const round = async (): Promise<void> => {
    for (const fault of faultsInTurn) {
      gateway.next(fault)
      expect(await failureOf(client.create(request, { signal }))).toHaveProperty('code')
      gateway.clear()
    }
  }
  for (let count = 0; count < 10; count++) await round()
  const before = { heldMiB: heldMiB(), timers: timers() }
  for (let count = 0; count < 40; count++) await round()
  expect(heldMiB() - before.heldMiB).toBeLessThan(MOST_MIB)
  expect(timers() - before.timers).toBeLessThan(5)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  await expect.poll(() => gateway.connections.open).toBeLessThanOrEqual(2)
})
