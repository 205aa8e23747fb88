import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportPrivateKey, importPrivateKey } from '@nomyo/crypto'
import { isInstalled } from '@nomyo-internal/testing/installed'
import { startRedis, type RedisServer } from '@nomyo-internal/testing/redis'
import { prepareRequests, type PreparedRequests } from '../gateway/prepare.js'
import { prepareWire2 } from '../gateway/prepare-wire-2.js'
import { runRound } from '../gateway/round.js'
import { addKey } from '../harness/api-key.js'
import { readKey, type RunContext } from '../harness/run-context.js'
import { startGateway } from '../harness/servers.js'

const REQUESTS = 500
const CONCURRENCY = 8
const PASSWORD = 'a password of the benchmarks'
/** Calls for each request, below which a command has other reasons. */
const RARE = 0.01

/** Commands and bytes of a request at the Redis that replicas share; null without `redis-server`. */
export async function measureRedisLoad(context: RunContext) {
  if (!isInstalled('redis-server')) return null
  context.progress('scaling: Redis')
  const redis = context.stopLater(await startRedis())
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-bench-'))
  context.stopLater({ stop: () => rmSync(folder, { recursive: true }) })
  const [keysFile, passwordFile] = [join(folder, 'api-keys.json'), join(folder, 'password')]
  writeFileSync(passwordFile, PASSWORD, { mode: 0o600 })
  // Secrets in Redis are encrypted with a password, which then protects the server key too.
  const { privateKey } = await importPrivateKey(readKey('other').privateKey, { extractable: true })
  const pem = await exportPrivateKey(privateKey, { password: PASSWORD })
  writeFileSync(join(folder, 'private_key.pem'), pem, { mode: 0o600 })
  const limited = addKey(keysFile, '--rate=10000/s')
  const counted = addKey(keysFile, '--rate=10000/s', '--quota-tokens=1000000000/month')
  const gateway = await startGateway(
    context,
    [],
    [
      `--redis=${redis.url}`,
      '--request-keys=redis',
      `--key-dir=${folder}`,
      `--key-password-file=${passwordFile}`,
      `--keys-file=${keysFile}`,
    ],
  )
  const requests = context.quick ? 50 : REQUESTS
  const cost = async (prepared: PreparedRequests) => {
    await runRound(gateway, prepared, { concurrency: CONCURRENCY, requests: 50 })
    const before = await usageOf(redis)
    await runRound(gateway, prepared, { concurrency: CONCURRENCY, requests })
    const after = await usageOf(redis)
    const of = (name: Exclude<keyof Usage, 'commands'>): number =>
      (after[name] - before[name]) / requests
    return {
      commands: Object.fromEntries(
        Object.entries(after.commands).flatMap(([name, count]): [string, number][] => {
          const each = (count - (before.commands[name] ?? 0)) / requests
          return each < RARE ? [] : [[name, each]]
        }),
      ),
      bytesIn: of('bytesIn'),
      bytesOut: of('bytesOut'),
      memoryBytes: of('memoryBytes'),
      cpuMs: of('cpuMs'),
    }
  }
  return {
    requests,
    rows: {
      'wire 1, rate': await cost(await prepareRequests(gateway.url, { apiKey: limited })),
      'wire 2, rate': await cost(await prepareWire2(gateway.url, { apiKey: limited })),
      'wire 2, rate and quota': await cost(await prepareWire2(gateway.url, { apiKey: counted })),
    },
  }
}

/** Counters of Redis. */
interface Usage extends Readonly<Record<'bytesIn' | 'bytesOut' | 'memoryBytes' | 'cpuMs', number>> {
  /** Calls by name; those of scripts too. */
  readonly commands: Readonly<Record<string, number>>
}

async function usageOf(redis: RedisServer): Promise<Usage> {
  const info = await redis.command('INFO', 'everything')
  const number = (name: string): number =>
    Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1])
  return {
    commands: Object.fromEntries(
      [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [
        name,
        Number(calls),
      ]),
    ),
    bytesIn: number('total_net_input_bytes'),
    bytesOut: number('total_net_output_bytes'),
    memoryBytes: number('used_memory'),
    cpuMs: 1000 * (number('used_cpu_sys') + number('used_cpu_user')),
  }
}
