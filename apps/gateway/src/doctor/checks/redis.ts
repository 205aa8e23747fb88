import { Redis } from 'ioredis'
import { DEFAULT_REDIS_FAILURE, type RedisFailure } from '../../redis/redis-failure.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'
import { reasonOf } from '../reason.js'

const TIMEOUT_MS = 5000

/** The Redis that gateways share: whether it is there, lets this gateway in, and does not forget. */
export const redisCheck: Check = {
  name: 'Redis',
  run: async ({ redis }) => {
    if (redis === undefined) return [ok('none: this gateway remembers by itself')]
    const client = new Redis(redis.url, {
      lazyConnect: true,
      connectTimeout: TIMEOUT_MS,
      commandTimeout: TIMEOUT_MS,
      // Asks for more than a user with few rights may see.
      enableReadyCheck: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    })
    // What connect() rejects with only says that there is no connection.
    let cause: unknown
    client.on('error', (error) => (cause = error))
    try {
      return await lookAt(client)
    } catch (error) {
      return [unusable(redis, cause ?? error)]
    } finally {
      client.disconnect()
    }
  },
}

async function lookAt(client: Redis): Promise<readonly Finding[]> {
  const startedAt = performance.now()
  await client.connect()
  await client.ping()
  const connectedAt = performance.now()
  await client.ping()
  const ping = Math.round((performance.now() - connectedAt) * 10) / 10
  // As replays are claimed; changes nothing.
  await client.eval('return 1', 0)
  const info = await client.info().catch(() => undefined)
  const version = info && /^redis_version:(\S+)/m.exec(info)?.[1]
  const seen = `${placeOf(client)} answers within ${ping} ms${version ? `, version ${version}` : ''}`
  return [ok(seen, connectedAt - startedAt), lookAtPolicy(info)]
}

function lookAtPolicy(info: string | undefined): Finding {
  const policy = info && /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  if (policy === 'noeviction') return ok('maxmemory-policy is noeviction')
  const remedy = 'see that its maxmemory-policy is noeviction'
  if (!policy) return warning('whether it forgets on its own could not be seen', remedy)
  return problem(`maxmemory-policy is ${policy}: replays may be forgotten, and pass`, remedy)
}

function unusable(
  { url, failure = DEFAULT_REDIS_FAILURE }: { url: string; failure?: RedisFailure | undefined },
  error: unknown,
): Finding {
  const reason = refusalIn(error) ?? reasonOf(error)
  const { host } = new URL(url)
  const isRefusal = /^(?:WRONGPASS|NOAUTH|NOPERM|ERR)$/.test(reason)
  const seen = `${host} ${isRefusal ? 'refuses this gateway' : 'cannot be had'} (${reason})`
  const remedy = isRefusal
    ? 'check the user and password in NOMYO_REDIS, which needs EVAL, EXISTS, SET and PING'
    : 'check the address and that it is running; rediss:// is for TLS'
  const closed = Object.values(failure).includes('closed')
  return closed ? problem(`${seen}: requests would be 503`, remedy) : warning(seen, remedy)
}

/** The first word of what Redis says, which is a code. What follows may quote. */
function refusalIn(error: unknown): string | undefined {
  return error instanceof Error && error.name === 'ReplyError'
    ? /^[A-Z]+/.exec(error.message)?.[0]
    : undefined
}

const placeOf = ({ options }: Redis): string => `${options.host ?? ''}:${options.port ?? ''}`
