import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { Redis } from 'ioredis'
import type { Check } from '../check.js'
import { redisRefusal } from '../../redis/connect.js'
import { DEFAULT_REDIS_FAILURE, type RedisFailure } from '../../redis/failure-mode.js'

const TIMEOUT_MS = 5000

/** Checks that the Redis of several gateways is reachable, accepts this one and evicts nothing. */
export const redisCheck: Check = {
  name: 'Redis',
  run: async ({ redis }) => {
    if (redis === undefined) return [ok('none: state is kept in this process')]
    const client = new Redis(redis.url, {
      lazyConnect: true,
      connectTimeout: TIMEOUT_MS,
      commandTimeout: TIMEOUT_MS,
      // Requires more than a user with few rights has.
      enableReadyCheck: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    })
    // connect() rejects with an error that does not have the cause.
    let cause: unknown
    client.on('error', (error) => (cause = error))
    try {
      return await examine(client)
    } catch (error) {
      return [describeFailure(redis, cause ?? error)]
    } finally {
      client.disconnect()
    }
  },
}

async function examine(client: Redis): Promise<readonly Finding[]> {
  const startedAt = performance.now()
  await client.connect()
  await client.ping()
  const connectedAt = performance.now()
  await client.ping()
  const ping = Math.round((performance.now() - connectedAt) * 10) / 10
  // The right that replay protection needs; changes nothing.
  await client.eval('return 1', 0)
  const info = await client.info().catch(() => undefined)
  const version = info && /^redis_version:(\S+)/m.exec(info)?.[1]
  const { host = '', port = '' } = client.options
  const message = `${host}:${port} answers within ${ping} ms${version ? `, version ${version}` : ''}`
  return [ok(message, connectedAt - startedAt), checkEviction(info)]
}

function checkEviction(info: string | undefined): Finding {
  const policy = info && /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  if (policy === 'noeviction') return ok('maxmemory-policy is noeviction')
  const remedy = 'set its maxmemory-policy to noeviction'
  if (!policy) return warning('its maxmemory-policy cannot be read', remedy)
  return problem(`maxmemory-policy is ${policy}: replays pass once evicted`, remedy)
}

function describeFailure(
  { url, failure = DEFAULT_REDIS_FAILURE }: { url: string; failure?: RedisFailure | undefined },
  error: unknown,
): Finding {
  const code = redisRefusal(error) ?? errnoCode(error)
  const isRefusal = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR)$/.test(code)
  const message = `${new URL(url).host} ${isRefusal ? 'refuses this gateway' : 'is unreachable'} (${code})`
  const remedy = isRefusal
    ? 'check the user and password in NOMYO_REDIS, which needs EVAL, EXISTS, SET and PING'
    : 'check the address and that it is running; rediss:// is for TLS'
  const isClosed = Object.values(failure).includes('closed')
  return isClosed ? problem(`${message}: requests get a 503`, remedy) : warning(message, remedy)
}
