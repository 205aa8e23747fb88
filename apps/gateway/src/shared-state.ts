import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import type { Redis } from 'ioredis'
import type { GatewayConfig } from './config/config.js'
import type { Notice } from './observability/notice.js'
import { RateLimiter, type CreateCounter } from './access/rate-limiter.js'
import { connectRedis } from './redis/connect-redis.js'
import { DEFAULT_REDIS_FAILURE, type OnFailure } from './redis/redis-failure.js'
import { RedisReplayMemory } from './completion/replay/redis.js'
import { LocalReplayMemory } from './completion/replay/local.js'
import type { ReplayMemory } from './completion/replay/replay-memory.js'

/** What a gateway remembers from one request to the next, by itself or with others. */
export interface Memories {
  readonly replayMemory: ReplayMemory
  readonly rateLimiter: RateLimiter
  /** The Redis they are in, where one is configured. */
  readonly redis: Redis | undefined
  close(): Promise<void>
}

const DEFAULT_REPLAY_WINDOW_MS = 10 * 60_000

/** In this process, or in Redis where one is configured. It need not be there yet. */
export async function createMemories(config: GatewayConfig, notice: Notice): Promise<Memories> {
  const windowMs = config.replayWindowMs ?? DEFAULT_REPLAY_WINDOW_MS
  const { rateLimit } = config
  const limits = { limit: rateLimit, coolDownMs: rateLimit?.coolDownMs }
  if (config.redis === undefined) {
    const replayMemory = new LocalReplayMemory({ windowMs })
    return {
      replayMemory,
      rateLimiter: new RateLimiter(limits),
      redis: undefined,
      close: () => replayMemory.close(),
    }
  }
  const { url, failure = DEFAULT_REDIS_FAILURE } = config.redis
  const redis = await connectRedis(url, notice)
  const fallback = failure.replay === 'degrade' ? new LocalReplayMemory({ windowMs }) : undefined
  const replayMemory = new RedisReplayMemory({ redis, windowMs, fallback })
  return {
    replayMemory,
    rateLimiter: new RateLimiter({ ...limits, createCounter: counterIn(redis, failure.rate) }),
    redis,
    close: async () => {
      await replayMemory.close()
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
