import { join } from 'node:path'
import { isInstalled } from '@nomyo-internal/testing'
import { startProgram } from '@nomyo-internal/testing/program'
import { expect, it } from 'vitest'
import type { Report } from '../src/report/print.js'

const MAIN = join(import.meta.dirname, '../dist/main.js')

it('scaling is measured with real gateways, streams and Redis', async () => {
  const args = [MAIN, '--only', 'scaling', '--quick', '--json']
  const { code, stdout } = await startProgram(process.execPath, args).ended
  expect(code).toBe(0)
  const { replicas, streams, redis } = (JSON.parse(stdout) as Report).results.scaling ?? {}
  for (const { perSecond, cpuMs } of Object.values(replicas?.rows ?? {})) {
    expect([perSecond > 1, cpuMs > 0.05, cpuMs < 100]).toEqual([true, true, true])
  }
  // Filled to 512 bytes an event, beside the head of the answer.
  expect(streams?.wireBytesPerEvent).toBeGreaterThan(300)
  expect(streams?.ofIdealTime).toBeGreaterThan(0.95)
  expect(redis === null).toBe(!isInstalled('redis-server'))
  for (const { commands, bytesIn } of Object.values(redis?.rows ?? {})) {
    // A claim of the request, and one of its work or of the payload.
    expect(commands['set']).toBeGreaterThanOrEqual(2)
    expect(bytesIn).toBeGreaterThan(100)
  }
})
