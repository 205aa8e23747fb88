import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { monitorEventLoop } from '../src/cold/event-loop-monitor.js'

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

it('a block is seen, also right at the start', async () => {
  const loop = await monitorEventLoop()
  block(100)
  await sleep(5)
  expect(loop.stop()).toBeGreaterThan(90)
})

it('a block is seen that is not over before the end', async () => {
  const loop = await monitorEventLoop()
  await sleep(5)
  block(100)
  expect(loop.stop()).toBeGreaterThan(90)
})
