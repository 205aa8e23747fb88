import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import type { Redis } from 'ioredis'
import { QuotaGuard } from './access/quota/quota-guard.js'
import { RedisQuotaCounter } from './access/quota/redis-counter.js'
import { RateLimiter, type CreateCounter } from './access/rate-limiter.js'
import { LocalReplayCache } from './completion/replay/local.js'
import { RedisReplayCache } from './completion/replay/redis.js'
import type { ReplayCache } from './completion/replay/refuse.js'
import type { GatewayConfig } from './config/config.js'
import type { Logger } from './observability/log.js'
import { connectRedis } from './redis/connect.js'
import { DEFAULT_REDIS_FAILURE, type OnFailure } from './redis/failure-mode.js'

/** State shared between requests, and between gateways with one Redis. */
export interface SharedState {
  readonly replayCache: ReplayCache
  readonly rateLimiter: RateLimiter
  readonly quotaGuard: QuotaGuard
  /** Connection to Redis, if one is configured. */
  readonly redis: Redis | undefined
  close(): Promise<void>
}

const DEFAULT_REPLAY_WINDOW_MS = 10 * 60_000

/** Creates the state in this process, or in Redis if one is configured; Redis may be down at first. */
export async function createSharedState(
  config: GatewayConfig,
  logger: Logger,
): Promise<SharedState> {
  const windowMs = config.replayWindowMs ?? DEFAULT_REPLAY_WINDOW_MS
  const { rateLimit, quotas } = config
  const limits = { limit: rateLimit, coolDownMs: rateLimit?.coolDownMs }
  if (config.redis === undefined) {
    const replayCache = new LocalReplayCache({ windowMs })
    return {
      replayCache,
      rateLimiter: new RateLimiter(limits),
      quotaGuard: new QuotaGuard({ quotas }),
      redis: undefined,
      close: () => replayCache.close(),
    }
  }
  const { url, failure = DEFAULT_REDIS_FAILURE } = config.redis
  const redis = await connectRedis(url, logger)
  const fallback = failure.replay === 'degrade' ? new LocalReplayCache({ windowMs }) : undefined
  const replayCache = new RedisReplayCache({ redis, windowMs, fallback })
  return {
    replayCache,
    rateLimiter: new RateLimiter({ ...limits, createCounter: counterIn(redis, failure.rate) }),
    quotaGuard: new QuotaGuard({
      quotas,
      counter: new RedisQuotaCounter({ redis, degrade: failure.rate === 'degrade' }),
    }),
    redis,
    close: async () => {
      await replayCache.close()
      redis.disconnect()
    },
  }
}

const counterIn =
  (redis: Redis, onFailure: OnFailure): CreateCounter =>
  (options) =>
    new RateLimiterRedis({
      ...options,
      storeClient: redis,
      rejectIfRedisNotReady: true,
      ...(onFailure === 'degrade' ? { insuranceLimiter: new RateLimiterMemory(options) } : {}),
    })
