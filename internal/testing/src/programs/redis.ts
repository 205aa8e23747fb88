import { spawn, type ChildProcess } from 'node:child_process'
import { freePort } from '../network.js'
import { endProcess, untilAccepting } from './listening.js'

/** A Redis of its own on loopback, which keeps nothing on disk unless a folder is given. */
export interface RedisServer {
  readonly url: string
  start(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Kills it, with everything in memory; `start` starts it again on the same port. */
  stop(): Promise<void>
}

export interface RedisOptions {
  /** Where it writes everything down before it answers, as with `appendonly yes`. */
  readonly folder?: string | undefined
}

/** Starts a {@link RedisServer}. */
export async function startRedis({ folder }: RedisOptions = {}): Promise<RedisServer> {
  const storage =
    folder === undefined
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...storage]
  let child: ChildProcess | undefined
  const redis: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    start: async () => {
      child = spawn('redis-server', args, { stdio: 'ignore' })
      await untilAccepting({ host: '127.0.0.1', port }, child)
    },
    signal: (signal) => void child?.kill(signal),
    stop: () => endProcess(child, 'SIGKILL'),
  }
  await redis.start()
  return redis
}
