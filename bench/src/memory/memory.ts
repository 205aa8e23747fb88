import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { prepareWire2 } from '../gateway/prepare-wire-2.js'
import { RawConnection } from '../gateway/raw-connection.js'
import { runChild } from '../harness/child-process.js'
import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { startGateway, startServers, type BenchGateway } from '../harness/servers.js'
import { mapValues, median } from '../harness/statistics.js'
import { chatRequest } from '../messages.js'
import type { MemoryInput, MemoryPeak } from './memory-child.js'
import { watchPeakMemory } from './peak-memory.js'

const ROUNDS = 11
/** Rounds of processes that no target is about, and of the gateway, whose highest peak counts. */
const FEW_ROUNDS = 3
const GATEWAY_ROUNDS = 5
/** Requests of 9 MB at a time. */
const IN_FLIGHT = 4
const WARM_UP_REQUESTS = 200

/** Measures fresh processes, one after the other. */
export async function measureMemory(context: RunContext) {
  const { ours, plain, keyDir } = await startServers(context)
  // The demo engine makes a value of each request in the gateway's own process, as no other engine does.
  const forwarding = await startGateway(context, [], ['--engine=openai', `--upstream=${plain}/v1`])
  // In the folder of the key, which is removed in the end.
  const requestPath = join(keyDir, 'request.json')
  await writeFile(requestPath, JSON.stringify(chatRequest('9 MB', 'ascii', 'nomyo/demo')))
  const run = (way: MemoryInput['way']) => async (): Promise<MemoryPeak> =>
    runChild('memory-child', { way, requestPath } satisfies MemoryInput)
  const tasks = {
    'call, ours': run({ name: 'call', baseUrl: ours, wire: 1, keyDir }),
    'call, wire 2': run({ name: 'call', baseUrl: ours, wire: 2, keyDir }),
    'call, plain fetch': run({ name: 'fetch', baseUrl: plain }),
    'seal + open, ours': run({ name: 'seal', contender: 'ours' }),
    'seal + open, naive': run({ name: 'seal', contender: 'naive' }),
    'seal + open, webcrypto': run({ name: 'seal', contender: 'webcrypto' }),
    'seal + open, jose': run({ name: 'seal', contender: 'jose' }),
    'seal + open, hpke': run({ name: 'seal', contender: 'hpke' }),
  }
  context.progress('peak memory, 9 MB')
  const rounds = context.quick ? 1 : ROUNDS
  const gateway = await measureGatewayMemory(forwarding, context.quick ? 1 : GATEWAY_ROUNDS)
  const few = mapValues(tasks, () => FEW_ROUNDS)
  const peaks = await interleave(tasks, rounds, {
    ...few,
    'call, ours': rounds,
    'call, wire 2': rounds,
  })
  return {
    rounds,
    /** Peak of the gateway over its memory before, as a multiple of the requests in flight, over wire 2. */
    gateway,
    payloadBytes: peaks['call, ours'][0]?.payloadBytes ?? Number.NaN,
    /** Median of the peak over the request object, as a multiple of the payload. */
    multiples: mapValues(peaks, (values) =>
      median(values.map(({ overBytes, payloadBytes }) => overBytes / payloadBytes)),
    ),
  }
}

async function measureGatewayMemory({ url, pid }: BenchGateway, rounds: number): Promise<number> {
  const request = { ...chatRequest('9 MB', 'ascii', 'nomyo/demo') }
  const prepared = await prepareWire2(url, { request })
  const connections = await Promise.all(
    Array.from({ length: IN_FLIGHT }, () => RawConnection.open(url)),
  )
  // Until its code is compiled.
  const [first] = connections
  for (const { bytes } of await (await prepareWire2(url)).make(WARM_UP_REQUESTS)) {
    await first?.send(bytes)
  }
  // The gateway keeps memory for later requests: the peak of all rounds counts, over that before the first.
  const readOverBytes = watchPeakMemory(pid)
  let inFlight = Number.NaN
  for (let round = 0; round < rounds; round++) {
    const requests = await prepared.make(IN_FLIGHT)
    inFlight = requests.reduce((sum, { bytes }) => sum + bytes.length, 0)
    await Promise.all(
      connections.map(async (connection, at) => {
        const { bytes = new Uint8Array() } = requests[at] ?? {}
        const { status, body } = await connection.send(bytes)
        if (status !== 200) throw new Error(`${status}: ${body.toString()}`)
      }),
    )
  }
  for (const connection of connections) connection.close()
  return readOverBytes() / inFlight
}
