import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { redisErrorCode, type RedisErrorCode } from './error-code.js'
import type { RedisNode, RedisTarget } from './url.js'

/** Connection to one server, or to all nodes of a cluster. */
export type RedisClient = Redis | Cluster

type RetryStrategy = (attempt: number) => number | null
type Options = Omit<RedisOptions, 'replyMapping'>

/** A server that sends nothing for this long while commands wait has hung: the connection is closed. */
const SOCKET_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 2000
const MAX_RETRY_MS = 5000

/** Settings by which the gateway and the doctor differ. */
export interface ClientSettings {
  /** Reports whether a refusal ends the connection, since another server may be at the address by now. */
  readonly reconnectOnError: (error: Error) => boolean
  /** Connects again after failures. */
  readonly retry: boolean
}

/** Creates a client that is not connected yet. */
export function createClient(target: RedisTarget, settings: ClientSettings): RedisClient {
  const retryStrategy = settings.retry ? backOff : () => null
  if (target.kind === 'cluster') {
    return createCluster(target.nodes, { ...serverOptions(target), retryStrategy })
  }
  const options: Options = {
    ...COMMON,
    retryStrategy,
    reconnectOnError: settings.reconnectOnError,
    // Commands fail immediately without a connection: their callers decide what follows.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
  }
  if (target.kind === 'single') return new Redis(target.url, options)
  const { nodes, master, database, sentinelUsername, sentinelPassword, tls } = target
  return new Redis({
    ...options,
    ...serverOptions(target),
    db: database,
    sentinels: nodes.map((node) => ({ ...node })),
    name: master,
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
    sentinelCommandTimeout: SOCKET_TIMEOUT_MS,
    sentinelRetryStrategy: retryStrategy,
  })
}

/** Creates a client for the cluster to which a server turned out to belong. */
export function createClusterOf(
  { options }: Redis,
  { retry }: Pick<ClientSettings, 'retry'>,
): Cluster {
  const { host = 'localhost', port = 6379, username, password, tls } = options
  return createCluster([{ host, port }], {
    ...serverOptions({
      tls: false,
      username: username ?? undefined,
      password: password ?? undefined,
    }),
    ...(tls ? { tls } : {}),
    retryStrategy: retry ? backOff : () => null,
  })
}

/** Returns the cause of an error that a client reports of its connection. */
export function connectionErrorCode(client: RedisClient, error: unknown): RedisErrorCode {
  const code = redisErrorCode(error)
  if (code !== undefined) return code
  if (client instanceof Cluster) return 'CLOSED'
  // There is none before the first connection.
  const { stream } = client as Partial<Redis>
  // The socket timeout ends the connection with its error, which has no code.
  if (stream?.errored === error) return 'TIMEOUT'
  return client.options.sentinels ? 'SENTINEL' : 'PROTOCOL'
}

const COMMON = {
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
  autoResendUnfulfilledCommands: false,
  // Both need more rights than the gateway does. A server that loads its data refuses with LOADING.
  enableReadyCheck: false,
  disableClientInfo: true,
} satisfies Options

function createCluster(
  nodes: readonly RedisNode[],
  { retryStrategy, ...redisOptions }: Options & { retryStrategy: RetryStrategy },
): Cluster {
  return new Cluster(
    nodes.map((node) => ({ ...node })),
    {
      lazyConnect: true,
      clusterRetryStrategy: retryStrategy,
      // A command whose answer was lost may have been executed: a repeated claim would be a replay.
      retryDelayOnFailover: 0,
      // Callers learn at once that the cluster is down, by its own code.
      retryDelayOnClusterDown: 0,
      enableReadyCheck: false,
      slotsRefreshTimeout: SOCKET_TIMEOUT_MS,
      // Certificates have names, not addresses.
      dnsLookup: (address, callback) => {
        callback(null, address)
      },
      redisOptions: { ...COMMON, ...redisOptions },
    },
  )
}

function serverOptions(servers: {
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
}): Options {
  const { tls, username, password } = servers
  return {
    ...(tls ? { tls: {} } : {}),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}

const backOff = (attempt: number): number => Math.min(100 * 2 ** attempt, MAX_RETRY_MS)
