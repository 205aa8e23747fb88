import { spawn, execFile, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../assertions/until.js'
import { freePort } from '../network.js'
import { endProcess, untilAccepting } from './listening.js'

/** A Redis of its own on loopback, which keeps nothing on disk unless a folder is given. */
export interface RedisServer {
  readonly url: string
  readonly port: number
  start(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Runs a command with `redis-cli` and returns what it prints. */
  command(...words: readonly string[]): Promise<string>
  /** Kills it, with everything in memory; `start` starts it again on the same port. */
  stop(): Promise<void>
}

export interface RedisOptions {
  /** Where it writes everything down before it answers, as with `appendonly yes`. */
  readonly folder?: string | undefined
  /** Makes it a replica of the server on this port. */
  readonly replicaOf?: number | undefined
  /** Has a folder of its own that is removed when it stops. Default: unless a folder is given. */
  readonly isEmptied?: boolean | undefined
  /** Further settings, such as `--maxmemory 1mb`. */
  readonly args?: readonly string[] | undefined
}

/** Starts a {@link RedisServer}. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { folder, replicaOf, isEmptied = folder === undefined, args = [] } = options
  const storage =
    folder === undefined
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
  const replica = replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(replicaOf)]
  const port = await freePort()
  // Replication without a disk, and without the five seconds that it waits for more replicas.
  const settings = [
    '--save',
    '',
    '--repl-diskless-sync-delay',
    '0',
    ...storage,
    ...replica,
    ...args,
  ]
  const redis = server(port, ['--port', String(port), '--bind', '127.0.0.1', ...settings], {
    // A replica writes what it receives into its folder, and would read that again.
    isEmptied,
  })
  await redis.start()
  return redis
}

/** A Redis Cluster with a replica for each master. */
export interface RedisCluster {
  /** Masters at first, then replicas. */
  readonly nodes: readonly RedisServer[]
  /** Such as `redis+cluster://127.0.0.1:7000,…`. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts a {@link RedisCluster} whose replicas take over after a second. */
export async function startRedisCluster({ masters = 3, replicas = 1 } = {}): Promise<RedisCluster> {
  const nodes: RedisServer[] = []
  for (let count = 0; count < masters * (1 + replicas); count++) {
    const place = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())]
    const timing = ['--cluster-node-timeout', '1000', '--cluster-replica-validity-factor', '0']
    nodes.push(await startRedis({ args: [...place, ...timing] }))
  }
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const create = ['--cluster', 'create', ...hosts, '--cluster-replicas', String(replicas)]
  await promisify(execFile)('redis-cli', [...create, '--cluster-yes'])
  for (const node of nodes) {
    await until(
      async () => {
        const info = await node.command('CLUSTER', 'INFO')
        const known = await node.command('CLUSTER', 'NODES')
        const slaves = known.split('\n').filter((line) => /\bslave\b/.test(line))
        return info.includes('cluster_state:ok') && slaves.length === masters * replicas
      },
      () => 'the cluster',
    )
  }
  return {
    nodes,
    url: `redis+cluster://${hosts.slice(0, masters).join(',')}`,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

/** A Sentinel that replaces a master after half a second. */
export interface RedisSentinel {
  /** Such as `redis+sentinel://127.0.0.1:26379/mymaster`. */
  readonly url: string
  readonly server: RedisServer
  /** Returns the port of the present master. */
  masterPort(): Promise<number>
  stop(): Promise<void>
}

/**
 * Starts a {@link RedisSentinel} for a master with replicas, and waits until it knows these.
 *
 * @param args - further settings, such as those of TLS
 */
export async function startSentinel(
  master: Pick<RedisServer, 'port'>,
  replicas = 1,
  args: readonly string[] = [],
): Promise<RedisSentinel> {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-sentinel-'))
  const [port, config] = [await freePort(), join(folder, 'sentinel.conf')]
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`,
    'sentinel down-after-milliseconds mymaster 500',
    'sentinel failover-timeout mymaster 2000',
  ]
  writeFileSync(config, settings.join('\n'))
  const sentinel = server(port, [config, '--sentinel', ...args])
  await sentinel.start()
  await until(
    async () => {
      const state = await sentinel.command('SENTINEL', 'MASTER', 'mymaster')
      return state.split('\n').some((line, at, lines) => {
        return line === 'num-slaves' && Number(lines[at + 1]) >= replicas
      })
    },
    () => 'a Sentinel that knows the replicas',
  )
  return {
    url: `redis+sentinel://127.0.0.1:${port}/mymaster`,
    server: sentinel,
    masterPort: async () => {
      const address = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')
      return Number(address.split('\n')[1])
    },
    stop: async () => {
      await sentinel.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function server(port: number, args: readonly string[], { isEmptied = false } = {}): RedisServer {
  let child: ChildProcess | undefined
  let folder: string | undefined
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    start: async () => {
      folder = isEmptied ? mkdtempSync(join(tmpdir(), 'nomyo-redis-')) : undefined
      const place = folder === undefined ? [] : ['--dir', folder]
      child = spawn('redis-server', [...args, ...place], { stdio: 'ignore' })
      await untilAccepting({ host: '127.0.0.1', port }, child)
    },
    signal: (signal) => void child?.kill(signal),
    command: async (...words) => {
      const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(port), ...words])
      return stdout.trim()
    },
    stop: async () => {
      await endProcess(child, 'SIGKILL')
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
