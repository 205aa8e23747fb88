import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { startGatewayProcess } from '@nomyo-internal/testing'
import { CANARY } from './fuzz/bodies.js'
import { KINDS, kindsIn, SEED, sendInputs } from './fuzz/run.js'
import { expectAlive, expectEcho } from './support.js'
import { residentMiB } from './measure.js'

const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 30_000)
/** One input alone, by the index that a failure reported. */
const ONLY = process.env['NOMYO_FUZZ_INDEX']
/** Memory that V8 does not return, and the keys of 1000 callers; a kilobyte kept of each input shows in longer runs. */
const GROWTH_MIB = 64

const gateway = await startGatewayProcess({ args: ['--engine', 'demo', '--max-body', '256KiB'] })
afterAll(() => gateway.stop())

it.runIf(ONLY !== undefined)('refuses one input', async () => {
  const { fault } = await sendInputs(gateway.port, Number(ONLY), Number(ONLY) + 1)
  expect(fault).toBeUndefined()
})

it.skipIf(ONLY !== undefined)(
  `refuses ${INPUTS} inputs of seed ${SEED}, and stays as it was`,
  { timeout: 60_000 + 5 * INPUTS },
  async () => {
    const startedAt = performance.now()
    const half = Math.floor(INPUTS / 2)
    const first = await sendInputs(gateway.port, 0, half)
    expect(first.fault).toBeUndefined()
    const seen = first.outcomes
    await setTimeout(1000)
    const before = residentMiB(gateway.pid)
    const second = await sendInputs(gateway.port, half, INPUTS)
    expect(second.fault).toBeUndefined()
    for (const [outcome, count] of second.outcomes) {
      seen.set(outcome, (seen.get(outcome) ?? 0) + count)
    }
    await setTimeout(1000)
    const after = residentMiB(gateway.pid)
    const seconds = (performance.now() - startedAt) / 1000
    console.log(
      `fuzz: ${INPUTS} inputs in ${seconds.toFixed(1)} s, ` +
        `RSS ${before.toFixed(0)} -> ${after.toFixed(0)} MiB\n` +
        [...seen]
          .sort()
          .map(([outcome, count]) => `  ${outcome}: ${count}`)
          .join('\n'),
    )
    expect(kindsIn(seen.keys())).toEqual(KINDS)
    expect(after - before).toBeLessThan(GROWTH_MIB)
  },
)

it('still serves, and has written neither an error nor anything it was sent', async () => {
  await expectAlive(gateway)
  await expectEcho(gateway, 'still here')
  const output = gateway.output()
  const bad = output
    .split('\n')
    .filter((line) => line.includes('"level":50') || line.includes(CANARY))
  expect(bad.slice(0, 5)).toEqual([])
  const ended = await gateway.stop()
  expect(ended.code).toBe(0)
})
