import type { GatewayConfig } from '../config.js'
import { DEFAULT_REDIS_FAILURE, parseRedisFailure } from '../../redis/redis-failure.js'
import { parseDuration } from './parse-duration.js'
import { UsageError } from './usage-error.js'

export function readRedis(
  url: string | undefined,
  onFailure: string | undefined,
): GatewayConfig['redis'] {
  if (url === undefined) {
    if (onFailure === undefined) return undefined
    throw new UsageError('--redis-failure needs a Redis: give --redis URL.')
  }
  if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    throw new UsageError('--redis must be a URL such as redis://127.0.0.1:6379.')
  }
  const failure = onFailure === undefined ? DEFAULT_REDIS_FAILURE : parseRedisFailure(onFailure)
  if (failure !== undefined) return { url, failure }
  throw new UsageError(
    '--redis-failure must be closed, degrade, or such as replay=closed,rate=degrade.',
  )
}

export function readReplayWindow(text: string): number {
  const windowMs = parseDuration(text)
  if (windowMs !== undefined && windowMs >= 1000 && windowMs <= 30 * 86_400_000) return windowMs
  throw new UsageError('--replay-window must be a time from 1s to 30d, such as 90s, 10m or 24h.')
}
