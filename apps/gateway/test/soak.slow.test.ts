import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Random } from './fuzz/random.js'
import {
  chat,
  clientHeaders,
  completionOf,
  expectAlive,
  fileGateway,
  post,
  refusalOf,
  seal,
} from './support.js'
import { metric, metricsUrl } from './measure.js'

/** Half an hour of one key at the default rate. */
const REQUESTS = Number(process.env['NOMYO_SOAK_REQUESTS'] ?? 3600)
const WORKERS = 8
const MIB = 1024 * 1024
/**
 * The live heap cannot be read from outside, but no sample of a quarter is below it,
 * and the least one is close to it if V8 has collected meanwhile. A few kilobytes kept of each request
 * lift it beyond this in half the default run; V8's own ups and downs do not.
 */
const LEAST_HEAP_GROWTH_MIB = 24
/**
 * Also sees what is off the heap. Its median, because one large request lifts it for a moment. It reaches 280
 * MiB, sooner or later in the default run, and stays there in one four times as long.
 */
const MEDIAN_RESIDENT_GROWTH_MIB = 112

const gateway = await fileGateway({
  // So short that most of what is remembered is forgotten during the run.
  args: ['--engine', 'demo', '--replay-window', '5s', '--metrics-port', '0'],
})

interface Sample {
  readonly done: number
  readonly heapMiB: number
  readonly residentMiB: number
}

async function sampleAt(done: number): Promise<Sample> {
  const text = await (await fetch(metricsUrl(gateway))).text()
  const bytes = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1])
  return {
    done,
    heapMiB: bytes('nodejs_heap_size_used_bytes') / MIB,
    residentMiB: bytes('process_resident_memory_bytes') / MIB,
  }
}

/** Actions of callers, with their weights. */
const KINDS = [
  [90, 'answered'],
  [4, 'malformed'],
  [2, 'sent twice'],
  [2, 'without an id'],
  [2, 'hung up'],
] as const
const SIZES = [
  [94, 1000],
  [5, 64_000],
  [1, 1_000_000],
] as const

/** Sends one request and checks its answer. */
async function ask(index: number): Promise<string> {
  const random = new Random(index)
  const kind = random.pickWeighted(KINDS)
  const content = `${index} `.padEnd(random.pickWeighted(SIZES), 'x')
  const body = await seal(chat(content))
  switch (kind) {
    case 'malformed':
      refuse(400, await post(gateway, body.subarray(1)))
      break
    case 'without an id':
      refuse(400, await post(gateway, body, { 'x-payload-id': undefined }))
      break
    case 'hung up': {
      const caller = new AbortController()
      const pending = post(gateway, body, clientHeaders(), caller.signal)
      void setTimeout(random.below(10)).then(() => caller.abort())
      await pending.catch(() => undefined)
      break
    }
    case 'answered':
    case 'sent twice':
      await expectEcho(body, content)
      if (kind === 'sent twice') refuse(409, await post(gateway, body))
  }
  return kind
}

async function expectEcho(body: Uint8Array, content: string): Promise<void> {
  const headers = clientHeaders()
  const completion = await completionOf(await post(gateway, body, headers))
  expect(completion._metadata['payload_id']).toBe(headers['x-payload-id'])
  expect(completion.choices[0].message.content === content).toBe(true)
}

function refuse(status: number, answer: Awaited<ReturnType<typeof post>>): void {
  refusalOf(answer, status)
}

it(
  `takes no more memory after ${REQUESTS} requests`,
  { timeout: 60_000 + 100 * REQUESTS },
  async () => {
    const startedAt = performance.now()
    const counts: Record<string, number> = {}
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < REQUESTS) {
        const kind = await ask(next++)
        counts[kind] = (counts[kind] ?? 0) + 1
      }
    }
    const samples: Sample[] = []
    let busy = true
    const watch = async (): Promise<void> => {
      while (busy) {
        samples.push(await sampleAt(next))
        await setTimeout(100)
      }
    }
    const watching = watch()
    await Promise.all(Array.from({ length: WORKERS }, worker)).finally(() => (busy = false))
    await watching
    const seconds = (performance.now() - startedAt) / 1000
    const quarter = (number: number): Sample[] =>
      samples.filter(({ done }) => Math.ceil((4 * done) / REQUESTS) === number)
    const [early, late] = [quarter(2), quarter(4)].map((some) => ({
      heap: Math.min(...some.map(({ heapMiB }) => heapMiB)),
      resident: median(some.map(({ residentMiB }) => residentMiB)),
    })) as [{ heap: number; resident: number }, { heap: number; resident: number }]
    console.log(
      `soak: ${JSON.stringify(counts)} in ${seconds.toFixed(0)} s, ${samples.length} samples, ` +
        `from the second quarter to the last: ` +
        `least heap ${early.heap.toFixed(1)} -> ${late.heap.toFixed(1)} MiB, ` +
        `median RSS ${early.resident.toFixed(0)} -> ${late.resident.toFixed(0)} MiB`,
    )
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(REQUESTS)
    expect(late.heap - early.heap).toBeLessThan(LEAST_HEAP_GROWTH_MIB)
    expect(late.resident - early.resident).toBeLessThan(MEDIAN_RESIDENT_GROWTH_MIB)
  },
)

it('has answered every request it took, and has nothing left in flight', async () => {
  await expectAlive(gateway)
  // The one that asks is none of the gateway's own listener.
  await expect.poll(() => metric(gateway, 'nomyo_requests_in_flight')).toBe(0)
  await expect.poll(() => metric(gateway, 'nomyo_bytes_in_flight')).toBe(0)
  expect(gateway.log()).not.toMatch(/"status":5\d\d|"level":50/)
})

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
