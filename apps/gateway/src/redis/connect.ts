import { Redis } from 'ioredis'
import type { Logger } from '../observability/log.js'

/** Redis answers in a millisecond. One that hangs must not block every request. */
const COMMAND_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 5000
const MAX_RETRY_MS = 5000

/**
 * Connects to Redis, and reconnects whenever the connection is lost. Resolves after the first attempt,
 * even if it fails; reports when the connection is lost and restored.
 */
export async function connectRedis(url: string, logger: Logger): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * 2 ** attempt, MAX_RETRY_MS),
    // Commands fail immediately without a connection: their callers decide what follows.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  })
  reportConnection(redis, logger)
  await redis.connect().catch(() => undefined)
  return redis
}

/** Returns the code in a refusal of Redis, such as `NOAUTH`. The rest of its text may quote a command. */
export function redisRefusal(error: unknown): string | undefined {
  // Redis has no other place for the code.
  return error instanceof Error && error.name === 'ReplyError'
    ? /^[A-Z]+/.exec(error.message)?.[0]
    : undefined
}

function reportConnection(redis: Redis, logger: Logger): void {
  let lost = false
  const lose = (reason: string): void => {
    if (!lost) logger.warn(`Redis is unavailable: ${reason}; the gateway retries periodically`)
    lost = true
  }
  redis.on('error', (error: Error & { code?: unknown }) => {
    lose(typeof error.code === 'string' ? error.code : error.message)
  })
  // A connection that Redis closes is no error; one that this gateway closes is not reported.
  redis.on('reconnecting', () => {
    lose('the connection was closed')
  })
  redis.on('ready', () => {
    if (lost) logger.info('Redis is available again')
    lost = false
  })
}
