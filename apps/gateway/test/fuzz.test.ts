import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { CANARY } from './fuzz/bodies.js'
import { faultOf } from './fuzz/judge.js'
import { Lane } from './fuzz/lane.js'
import { randomFor } from './fuzz/random.js'
import { loadCorpus, makeInput, type Input } from './fuzz/requests.js'
import { residentMiB } from './memory.js'
import { chat, complete, expectAlive, startGateway } from './support.js'

const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 20_26)
const INPUTS = Number(process.env['NOMYO_FUZZ_INPUTS'] ?? 30_000)
/** One input alone, by the index a failure has told. */
const ONLY = process.env['NOMYO_FUZZ_INDEX']
const LANES = 32
/** What V8 does not give back, and the keys of 1000 callers; a kilobyte kept of each input shows in longer runs. */
const GROWTH_MIB = 64
/** Each takes part in every run. */
const KINDS = [
  'envelope',
  'framing',
  'get',
  'good',
  'header',
  'malformed',
  'method',
  'mixed',
  'path',
  'raw',
]

const gateway = await startGateway({ args: ['--engine', 'demo', '--max-body', '256KiB'] })
afterAll(() => gateway.stop())
const corpus = await loadCorpus()

/** Sends the inputs of these indexes over many connections; stops at the first fault, which it names. */
async function sendInputs(from: number, to: number): Promise<Map<string, number>> {
  const seen = new Map<string, number>()
  let next = from
  let fault: string | undefined
  const run = async (lane: Lane): Promise<void> => {
    while (next < to && fault === undefined) {
      const index = next++
      const input = await makeInput(randomFor(SEED, index), corpus, index)
      const found = await lane.send(input).then(
        (answers) => {
          const outcome = `${input.kind.split(' ')[0]} ${answers[0]?.status ?? 'none'}`
          seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
          return faultOf(input, answers)
        },
        (error: unknown) => String(error),
      )
      if (found !== undefined) fault ??= report(index, input, found)
    }
    lane.close()
  }
  await Promise.all(
    Array.from({ length: LANES }, (_, at) => run(new Lane(gateway.port, `127.0.1.${at + 1}`))),
  )
  expect(fault).toBeUndefined()
  return seen
}

const report = (index: number, { kind, bytes }: Input, fault: string): string =>
  `NOMYO_FUZZ_SEED=${SEED} NOMYO_FUZZ_INDEX=${index} (${kind}): ${fault}\n` +
  JSON.stringify(bytes.toString('latin1').slice(0, 2000))

it.runIf(ONLY !== undefined)('refuses one input', async () => {
  await sendInputs(Number(ONLY), Number(ONLY) + 1)
})

it.skipIf(ONLY !== undefined)(
  `refuses ${INPUTS} inputs of seed ${SEED}, and stays as it was`,
  { timeout: 60_000 + 5 * INPUTS },
  async () => {
    const startedAt = performance.now()
    const half = Math.floor(INPUTS / 2)
    const seen = await sendInputs(0, half)
    await setTimeout(1000)
    const before = residentMiB(gateway.pid)
    for (const [outcome, count] of await sendInputs(half, INPUTS)) {
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
    expect([...new Set([...seen.keys()].map((outcome) => outcome.split(' ')[0]))].sort()).toEqual(
      KINDS,
    )
    expect(after - before).toBeLessThan(GROWTH_MIB)
  },
)

it('still serves, and has written neither an error nor anything it was sent', async () => {
  await expectAlive(gateway)
  const completion = await complete(gateway, chat('still here'))
  expect(completion.choices[0].message.content).toBe('still here')
  const output = gateway.output()
  const bad = output
    .split('\n')
    .filter((line) => line.includes('"level":50') || line.includes(CANARY))
  expect(bad.slice(0, 5)).toEqual([])
  const ended = await gateway.stop()
  expect(ended.code).toBe(0)
})
