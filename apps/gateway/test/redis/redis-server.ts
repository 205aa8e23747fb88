import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../free-port.js'

/** Whether there is a Redis: live tests are skipped where there is none. */
export const redisFound = isRedisInstalled()

/** A Redis of its own on loopback, which keeps nothing on disk unless a folder is given. */
export interface RedisServer {
  readonly url: string
  start(): Promise<void>
  /** Ends it, with everything it remembered where there is no folder. */
  kill(): Promise<void>
  signal(signal: NodeJS.Signals): void
}

export interface RedisOptions {
  /** Where it writes down everything before it answers, as with `appendonly yes`. */
  readonly folder?: string | undefined
}

/** A Redis that runs. */
export async function startRedis({ folder }: RedisOptions = {}): Promise<RedisServer> {
  const storage =
    folder === undefined
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', 'always', '--dir', folder]
  const port = await freePort()
  let child: ChildProcess | undefined
  const redis: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    start: async () => {
      child = spawn(
        'redis-server',
        ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...storage],
        { stdio: 'ignore' },
      )
      await untilListening(port)
    },
    kill: async () => {
      if (child?.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
    signal: (signal) => void child?.kill(signal),
  }
  await redis.start()
  return redis
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = createConnection(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (connected) return
    await delay(50)
  }
  throw new Error('redis-server does not listen')
}

function isRedisInstalled(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
