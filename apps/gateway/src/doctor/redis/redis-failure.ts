import type { RedisErrorCode } from '../../redis/error-code.js'
import { describeTarget, type RedisTarget } from '../../redis/url.js'
import type { TrialFailure } from './redis-trial.js'

/** Text and advice of a finding. */
export interface RedisProblem {
  readonly message: string
  readonly remedy: string
}

const RUNNING =
  'check the address and that it is running; use rediss:// if it expects TLS, redis:// if not'
const UNREACHABLE = ['is unreachable', RUNNING] as const

const LOST_CLUSTER = [
  'is a cluster whose nodes cannot be reached',
  'run redis-cli --cluster check; the addresses that its nodes announce must be reachable from here',
] as const
const NO_CLUSTER = ['is not a Redis Cluster', 'name a single server: redis://HOST:6379'] as const

/** Fault and advice by code, where the client is one of a cluster. */
const CLUSTER_PROBLEMS: Readonly<Partial<Record<RedisErrorCode, readonly [string, string]>>> = {
  CLOSED: LOST_CLUSTER,
  ERR: NO_CLUSTER,
}

/** Fault and advice by code. */
const PROBLEMS: Readonly<Partial<Record<RedisErrorCode, readonly [string, string]>>> = {
  READONLY: [
    'is a read-only replica, which cannot record requests',
    'name the master, or its Sentinels: redis+sentinel://HOST:26379/MASTER',
  ],
  MASTERDOWN: [
    'is a replica without its master',
    'name the master, or its Sentinels: redis+sentinel://HOST:26379/MASTER',
  ],
  LOADING: ['is loading its data', 'wait until it has finished'],
  OOM: ['is full (maxmemory)', 'raise its maxmemory, or shorten --replay-window'],
  MISCONF: [
    'refuses writes because it cannot save to its disk',
    'check its log, and free space on its disk',
  ],
  NOREPLICAS: [
    'refuses writes because it has too few replicas',
    'start its replicas, or lower min-replicas-to-write',
  ],
  NOPERM: [
    'refuses this user',
    'ACL SETUSER with ~nomyo:* +ping +info +set +get +incrby +pttl +pexpire +eval; --shared-keys also needs ' +
      '+hsetnx +hgetall +hdel, and a cluster +cluster|slots',
  ],
  NOAUTH: ['requires a password', 'set the user and password in NOMYO_REDIS'],
  WRONGPASS: ['refuses the password', 'check the user and password in NOMYO_REDIS'],
  ERR: ['refuses this gateway', 'check the user, password and database in NOMYO_REDIS'],
  CROSSSLOT: ['is a cluster behind a proxy', 'name its nodes: redis+cluster://HOST:6379,HOST:6379'],
  MOVED: ['is a node of a cluster', 'name its nodes: redis+cluster://HOST:6379,HOST:6379'],
  CLUSTERDOWN: ['is a cluster that is down', 'run redis-cli --cluster check'],
  TIMEOUT: [
    'accepts connections and does not answer',
    'check its log, and whether a command blocks it',
  ],
  CLOSED: ['closes connections, or accepts none', RUNNING],
  ECONNRESET: ['closes connections', RUNNING],
  TLS: [
    'fails the TLS handshake',
    'use redis:// if it has no TLS; for a private CA, set NODE_EXTRA_CA_CERTS to its file',
  ],
  PROTOCOL: ['is not a Redis server', 'check the address and the port'],
  SENTINEL: [
    'has no Sentinel that responds and knows this master',
    'check the addresses and the name; add ?sentinelPassword= if Sentinels require one',
  ],
}

/** Describes a Sentinel that is used as if it were a Redis. */
export const describeSentinel = (target: RedisTarget): RedisProblem => ({
  message: `${describeTarget(target)} is a Sentinel, which stores nothing`,
  remedy: 'name the master that it watches: redis+sentinel://HOST:26379/MASTER',
})

/** Describes a failure, without anything of the credentials. */
export function describeRedisFailure(
  target: RedisTarget,
  { code, detail, isOfCluster = false }: TrialFailure,
): RedisProblem {
  const ofCluster = isOfCluster ? CLUSTER_PROBLEMS[code] : undefined
  const [what, remedy] = ofCluster ?? PROBLEMS[code] ?? UNREACHABLE
  const facts = detail === undefined ? code : `${code}, ${detail}`
  return { message: `${describeTarget(target)} ${what} (${facts})`, remedy }
}
