import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import {
  temporaryFolder,
  type GatewayProcess,
  type GatewayProcessOptions,
} from '@nomyo-internal/testing'
import { GATEWAY_MAIN } from '@nomyo-internal/testing/gateway-process'
import { expect, it, onTestFinished } from 'vitest'
import { startAttacker, type Attacker } from './load/attacker.js'
import { chat, get, logEntries, seal, post, testGatewayProcess } from './support.js'
import { metric, residentMiB } from './measure.js'

const KEYS = Array.from({ length: 6 }, (_, at) => `key-of-a-caller-number-${at}`)
const [WORST = '', OTHER = ''] = KEYS
const MIB = 1024 * 1024

/** The limits that the documents state. */
const PIECE_MS = 50
const BASE_MIB = 250
const BYTES_IN_FLIGHT_MIB = 256
const LIMIT_MIB = 1024

interface Rig {
  readonly gateway: GatewayProcess
  readonly attacker: Attacker
  /** Longest pieces of work on the event loop since the last call, in milliseconds. */
  pieces(): number[]
}

async function startRig(
  args: readonly string[],
  { within, env }: GatewayProcessOptions = {},
): Promise<Rig> {
  const attacker = await startAttacker()
  onTestFinished(() => attacker.stop())
  const probe = join(temporaryFolder(), 'pieces')
  writeFileSync(probe, '')
  const gateway = await testGatewayProcess({
    command: [
      process.execPath,
      '--import',
      join(import.meta.dirname, 'load/event-loop-probe.mjs'),
      GATEWAY_MAIN,
    ],
    args: [
      ...['--upstream', attacker.modelUrl, '--metrics-port=0'],
      ...KEYS.flatMap((key) => ['--api-key', key]),
      ...args,
    ],
    env: { NOMYO_TEST_PROBE: probe, ...env },
    ...(within === undefined ? {} : { within }),
  })
  await attacker.connect(gateway)
  return {
    gateway,
    attacker,
    pieces: () => {
      const lines = readFileSync(probe, 'utf8').trim().split('\n').filter(Boolean)
      writeFileSync(probe, '')
      return lines
        .map((line) => Math.min(...line.split(' ').map(Number)))
        .sort((a, b) => b - a)
        .map(Math.round)
    },
  }
}

const askSmall = async ({ gateway }: Rig): Promise<number> => {
  const body = await seal(chat('x'.repeat(1000)))
  const startedAt = performance.now()
  const { status } = await post(gateway, body, { authorization: `Bearer ${OTHER}` })
  expect(status).toBe(200)
  return performance.now() - startedAt
}

const percentile95 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1] ?? Number.NaN

const STEPS = ['queueMs', 'decryptMs', 'upstreamMs', 'encryptMs', 'durationMs'] as const

/** The 95th percentiles of the steps of the last small requests, from the log. */
function stepsOf(log: string): object {
  const small = logEntries<Partial<Record<(typeof STEPS)[number] | 'bytesIn', number>>>(log)
    .filter(({ bytesIn = 0 }) => bytesIn > 0 && bytesIn < 10_000)
    .slice(-50)
  return Object.fromEntries(
    STEPS.map((name) => [name, percentile95(small.map((entry) => entry[name] ?? 0))]),
  )
}

const report = (title: string, facts: object): void =>
  void process.stderr.write(`${title}: ${JSON.stringify(facts)}\n`)

it('works on no request for longer than 50 ms at a time', async () => {
  const rig = await startRig(['--rate-limit', 'off'])
  await askSmall(rig)
  const facts: Record<string, unknown> = {}
  const { shapes, envelopes } = rig.attacker
  const refused = ['empty objects', 'nesting without end', ...envelopes]
  for (const shape of [...shapes, ...envelopes]) {
    rig.pieces()
    const statuses = await rig.attacker.run('one', { key: WORST, shape, times: 2 })
    await setTimeout(50)
    const pieces = rig.pieces()
    facts[shape] = { statuses, longestMs: pieces[0] ?? 0 }
    expect(statuses, shape).toEqual({ [refused.includes(shape) ? 400 : 200]: 2 })
    expect(pieces[0] ?? 0, shape).toBeLessThan(PIECE_MS)
  }
  report('longest pieces of work', facts)
})

// Again where the machine was busy with something else.
it(
  'keeps another caller and /health quick while one key sends the worst requests at its rate',
  { retry: 2 },
  async () => {
    const rig = await startRig(['--rate-limit', '2/s'])
    // Another process than the model server, which would be busy with encryption.
    const sender = await startAttacker()
    onTestFinished(() => sender.stop())
    await sender.connect(rig.gateway)
    const measure = async (seconds: number): Promise<{ p95: number; health: number }> => {
      const small: number[] = []
      const health: number[] = []
      const until = performance.now() + seconds * 1000
      const repeat = async (everyMs: number, work: () => Promise<void>): Promise<void> => {
        while (performance.now() < until) {
          await work()
          await setTimeout(everyMs)
        }
      }
      await Promise.all([
        // Below its own limit.
        repeat(500, async () => void small.push(await askSmall(rig))),
        repeat(100, async () => {
          const startedAt = performance.now()
          expect((await get(rig.gateway, '/health')).status).toBe(200)
          health.push(performance.now() - startedAt)
        }),
      ])
      return { p95: percentile95(small), health: percentile95(health) }
    }
    await measure(2)
    const idle = await measure(8)
    const before = residentMiB(rig.gateway.pid)
    rig.pieces()
    const [attacked, statuses] = await Promise.all([
      measure(14),
      sender.run<Record<string, number>>('rate', { key: WORST, perSecond: 2, seconds: 14 }),
    ])
    const steps = stepsOf(rig.gateway.stderr())
    report('fairness', { steps, idle, attacked, statuses, longestMs: rig.pieces()[0], before })
    expect(statuses['200']).toBeGreaterThan(9)
    expect(attacked.p95).toBeLessThan(Math.max(3 * idle.p95, 300))
    expect(attacked.health).toBeLessThan(Math.max(3 * idle.health, 100))
  },
)

/** Requests in turn, with the sizes of their answers. */
const FLOODS = [
  ['text', 10_000_000],
  ['as many objects as allowed', 1000],
  ['messages', 2_000_000],
  ['long escapes', 10_000_000],
] as const

/** Sends many times what fits while the model answers nothing; returns the highest resident memory. */
async function flood({ gateway, attacker }: Rig, facts: Record<string, unknown>): Promise<number> {
  let peak = 0
  const sampling = setInterval(() => (peak = Math.max(peak, residentMiB(gateway.pid))), 20)
  onTestFinished(() => clearInterval(sampling))
  for (const [shape, answerBytes] of FLOODS) {
    const result = await attacker.run<{ reached: number; statuses: Record<string, number> }>(
      'flood',
      { keys: KEYS, each: 6, shape, answerBytes },
    )
    facts[shape] = { ...result, peak: Math.round(peak) }
    expect(result.reached).toBeGreaterThan(5)
    expect(result.statuses['200']).toBeGreaterThan(0)
    expect(result.statuses['503']).toBeGreaterThan(0)
  }
  clearInterval(sampling)
  expect(await metric({ log: gateway.output }, 'nomyo_bytes_in_flight')).toBe(0)
  return peak
}

it('takes no more memory than the formula states, in 1 GiB with the defaults of Node', async () => {
  const rig = await startRig(['--rate-limit', 'off'], limitMemory())
  await askSmall(rig)
  const facts = {}
  const peak = await flood(rig, facts)
  report('memory in MiB', facts)
  expect(peak).toBeLessThan(BASE_MIB + BYTES_IN_FLIGHT_MIB)
})

it('gives memory back after the worst requests, with the documented setting of malloc', async () => {
  const rig = await startRig(['--rate-limit', 'off'], {
    env: { MALLOC_MMAP_THRESHOLD_: '131072' },
  })
  const traffic = async (seconds: number, enough = 0): Promise<number> => {
    let least = Infinity
    const until = performance.now() + seconds * 1000
    while (least > enough && performance.now() < until) {
      await askSmall(rig)
      least = Math.min(least, residentMiB(rig.gateway.pid))
      await setTimeout(50)
    }
    return least
  }
  const idle = await traffic(3)
  // Where it is after a day of use: code is compiled, and pools have their size.
  await flood(rig, {})
  const before = await traffic(8)
  const facts = {}
  await flood(rig, facts)
  const after = await traffic(40, 1.2 * before)
  const mib = async (name: string): Promise<number> =>
    Math.round((await metric({ log: rig.gateway.output }, name)) / MIB)
  report('memory in MiB', {
    ...{ idle, before, ...facts, after },
    external: await mib('nodejs_external_memory_bytes'),
    heap: await mib('nodejs_heap_size_total_bytes'),
  })
  expect(after).toBeLessThan(1.2 * before)
}, 180_000)

/** Returns the options that start a program with 1 GiB of memory, where the system allows it. */
function limitMemory(): GatewayProcessOptions {
  const folder = `/sys/fs/cgroup/memory/nomyo-test-${process.pid}`
  try {
    accessSync('/sys/fs/cgroup/memory', constants.W_OK)
    mkdirSync(folder)
    writeFileSync(join(folder, 'memory.limit_in_bytes'), String(LIMIT_MIB * MIB))
  } catch {
    process.stderr.write('no limit of memory: this system has no cgroup that the test may create\n')
    return {}
  }
  onTestFinished(() => rmdirSync(folder))
  return { within: `echo $$ > ${folder}/cgroup.procs; exec "$@"` }
}
