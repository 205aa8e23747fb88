import { Redis } from 'ioredis'
import type { Notice } from '../observability/notice.js'

/** Redis answers in a millisecond. One that hangs must not make every request hang. */
const COMMAND_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 5000
const LONGEST_RETRY_MS = 5000

/**
 * A connection that comes back by itself. Resolves when it is there, or when the first attempt has
 * failed; from then on it says when it is lost and when it is there again.
 */
export async function connectRedis(url: string, notice: Notice): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * 2 ** attempt, LONGEST_RETRY_MS),
    // Who asks learns at once that Redis is gone, and decides what that means.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  })
  announce(redis, notice)
  await redis.connect().catch(() => undefined)
  return redis
}

function announce(redis: Redis, notice: Notice): void {
  let lost = false
  const lose = (why: string): void => {
    if (!lost) notice(`Redis cannot be had: ${why}; it is tried again now and then`)
    lost = true
  }
  redis.on('error', (error: Error & { code?: unknown }) => {
    lose(typeof error.code === 'string' ? error.code : error.message)
  })
  // A connection that ends is no error, and none is reported when this gateway hangs up.
  redis.on('reconnecting', () => {
    lose('the connection was closed')
  })
  redis.on('ready', () => {
    if (lost) notice('Redis is there again')
    lost = false
  })
}
