import { readdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import {
  isInstalled,
  startRedis,
  startRedisCluster,
  startSentinel,
  stopAfterTest,
  type GatewayProcess,
  type RedisServer,
} from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { GATEWAY_MAIN } from '@nomyo-internal/testing/gateway-process'
import { metric } from './measure.js'
import { startLoad } from './redis-load.js'
import { SOON } from './redis.js'
import { send, testGatewayProcess } from './support.js'

const ROUNDS = Number(process.env['NOMYO_SOAK_ROUNDS'] ?? 2)
const MIB = 1024 * 1024
/** Requests in progress, and code that V8 compiles meanwhile. Some kilobytes kept of each request are more. */
const HEAP_GROWTH_MIB = 6

/** The built gateway, which collects garbage at a signal. */
const COMMAND = [
  process.execPath,
  '--expose-gc',
  '--import',
  'data:text/javascript,process.on("SIGWINCH",()=>gc())',
  GATEWAY_MAIN,
]

const openFiles = ({ pid }: GatewayProcess): number => readdirSync(`/proc/${pid}/fd`).length

/** The least heap after several collections: requests go on meanwhile. */
async function liveHeapMiB(gateway: GatewayProcess): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let sample = 0; sample < 8; sample++) {
    gateway.kill('SIGWINCH')
    await setTimeout(20)
    const bytes = await metric({ log: () => gateway.stderr() }, 'nodejs_heap_size_used_bytes')
    least = Math.min(least, bytes / MIB)
  }
  return least
}

/** Lets one server fail in a way, and returns what ends that. */
type Fault = (server: RedisServer) => Promise<() => unknown>
const hang: Fault = (server) => {
  server.signal('SIGSTOP')
  return Promise.resolve(() => server.signal('SIGCONT'))
}
const end: Fault = async (server) => {
  await server.stop()
  return () => server.start()
}
const refuse: Fault = async (server) => {
  await server.command('CONFIG', 'SET', 'maxmemory', '1')
  return () => server.command('CONFIG', 'SET', 'maxmemory', '0')
}

describe.skipIf(!isInstalled('redis-server'))('gateways whose Redis fails again and again', () => {
  it.each([
    ['one server', 'closed'],
    ['one server', 'degrade'],
    ['Sentinel', 'closed'],
    ['a cluster', 'closed'],
  ] as const)(
    'lose no request and keep nothing: %s, %s',
    { timeout: 120_000 + 60_000 * ROUNDS },
    async (kind, mode) => {
      const { url, servers, faults } = await startKind(kind)
      const args = ['--engine', 'demo', '--redis', url, '--redis-failure', mode]
      const settings = ['--replay-window', '5s', '--rate-limit', '10000/s', '--metrics-port', '0']
      const gateway = await testGatewayProcess({
        args: [...args, ...settings],
        command: COMMAND,
      })
      const log = { log: () => gateway.stderr() }
      const load = startLoad([gateway], 4)
      const heapMiB: number[] = []
      let filesBefore = 0
      for (let round = 0; round < ROUNDS; round++) {
        const sample = async (ms: number): Promise<void> => {
          for (const until = performance.now() + ms; performance.now() < until;) {
            expect(await metric(log, 'nomyo_redis_commands_pending')).toBeLessThanOrEqual(1024)
            await setTimeout(100)
          }
        }
        for (const fault of faults) {
          const repair = await fault(servers[round % servers.length]!)
          await sample(2000)
          await repair()
          const answered = load.answered
          await expect.poll(() => load.answered, SOON).toBeGreaterThan(answered + 50)
          await sample(500)
        }
        if (round === 0) filesBefore = openFiles(gateway)
        heapMiB.push(await liveHeapMiB(gateway))
      }
      await load.stop()
      for (let at = 0; at < 20; at++) {
        const { status, bytes } = await send(gateway)
        expect({ status, text: status === 200 ? '' : new TextDecoder().decode(bytes) }).toEqual({
          status: 200,
          text: '',
        })
      }
      const lines = gateway.stderr().match(/Redis (?:fails|is|works)/g)?.length ?? 0
      const [first = 0] = heapMiB
      const last = heapMiB.at(-1) ?? 0
      await expect.poll(() => metric(log, 'nomyo_redis_commands_pending'), SOON).toBe(0)
      await expect.poll(() => openFiles(gateway), SOON).toBeLessThanOrEqual(filesBefore + 5)
      console.log(
        `${kind}, ${mode}: ${JSON.stringify(Object.fromEntries(load.counts))}, ` +
          `heap ${first.toFixed(1)} -> ${last.toFixed(1)} MiB, ` +
          `files ${filesBefore} -> ${openFiles(gateway)}, ${lines} lines on Redis`,
      )
      const statuses = mode === 'closed' ? [200, 503] : [200]
      expect([...load.counts.keys()].sort()).toEqual(statuses)
      expect(last - first).toBeLessThan(HEAP_GROWTH_MIB)
      expect(lines).toBeGreaterThan(0)
      // A failure has a line for each use and code, and so has its end: no line for a request.
      expect(lines).toBeLessThan(ROUNDS * faults.length * 20)
    },
  )
})

async function startKind(kind: 'one server' | 'Sentinel' | 'a cluster'): Promise<{
  readonly url: string
  readonly servers: readonly RedisServer[]
  readonly faults: readonly Fault[]
}> {
  if (kind === 'a cluster') {
    const { url, nodes } = stopAfterTest(await startRedisCluster())
    return { url, servers: nodes, faults: [hang, refuse] }
  }
  const master = stopAfterTest(await startRedis())
  if (kind === 'one server')
    return { url: master.url, servers: [master], faults: [hang, end, refuse] }
  const replica = stopAfterTest(await startRedis({ replicaOf: master.port }))
  const { url } = stopAfterTest(await startSentinel(master))
  return { url, servers: [master, replica], faults: [hang, end] }
}
