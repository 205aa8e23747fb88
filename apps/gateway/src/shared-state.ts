import { QuotaGuard } from './access/quota/quota-guard.js'
import { RedisQuotaCounter } from './access/quota/redis-counter.js'
import { RateLimiter, defaultLimits } from './access/rate/rate-limiter.js'
import { LocalReplayCache } from './completion/replay/local.js'
import { RedisReplayCache } from './completion/replay/redis.js'
import type { ReplayCache } from './completion/replay/refuse.js'
import type { GatewayConfig } from './config/config.js'
import type { Logger } from './observability/log.js'
import { RedisConnection } from './redis/connection.js'
import { DEFAULT_REDIS_FAILURE, type RedisFailure } from './redis/failure-mode.js'
import type { Consequences, RedisObserver } from './redis/outages.js'
import { countersIn } from './redis/redis-counter.js'
import { requestKeyLifeMs } from './request-keys/open-request-keys.js'
import { MAX_SKEW_S } from './wire-2/request/request-date.js'

/** State shared between requests, and between gateways with one Redis. */
export interface SharedState {
  readonly replayCache: ReplayCache
  /** For wire 2, whose requests have a date. */
  readonly sealedReplayCache: ReplayCache
  readonly rateLimiter: RateLimiter
  readonly quotaGuard: QuotaGuard
  /** Connection to Redis, if one is configured. */
  readonly redis: RedisConnection | undefined
  close(): Promise<void>
}

const DEFAULT_REPLAY_WINDOW_MS = 10 * 60_000
/** A date may be off by five minutes either way; a minute more, since the clocks of gateways differ. */
const DATED_WINDOW_MS = (2 * MAX_SKEW_S + 60) * 1000

/** Claims that a gateway remembers beside Redis, with some 10 MiB. */
const KNOWN_IDS = 50_000

/** Creates the state in this process, or in Redis if one is configured; Redis may be down at first. */
export async function createSharedState(
  config: GatewayConfig,
  logger: Logger,
  observer?: RedisObserver,
): Promise<SharedState> {
  const windowMs = config.replayWindowMs ?? DEFAULT_REPLAY_WINDOW_MS
  const sealedWindowMs = sealedReplayWindowMs(config)
  const { quotas } = config
  const limits = defaultLimits(config)
  if (config.redis === undefined) {
    const replayCache = new LocalReplayCache({ windowMs })
    const sealedReplayCache = new LocalReplayCache({ windowMs: sealedWindowMs })
    return {
      replayCache,
      sealedReplayCache,
      rateLimiter: new RateLimiter(limits),
      quotaGuard: new QuotaGuard({ quotas }),
      redis: undefined,
      close: async () => {
        await replayCache.close()
        await sealedReplayCache.close()
      },
    }
  }
  const { url, failure = DEFAULT_REDIS_FAILURE } = config.redis
  const redis = await RedisConnection.open(url, {
    logger,
    consequences: consequencesOf(failure),
    ...(observer === undefined ? {} : { observer }),
  })
  const fallbackFor = (ms: number): ReplayCache | undefined =>
    failure.replay === 'degrade' ? new LocalReplayCache({ windowMs: ms }) : undefined
  const replayCache = new RedisReplayCache({ redis, windowMs, fallback: fallbackFor(windowMs) })
  const fallback = fallbackFor(sealedWindowMs)
  const sealedReplayCache = new RedisReplayCache({
    redis,
    windowMs: sealedWindowMs,
    fallback,
    known: fallback ?? new LocalReplayCache({ windowMs: sealedWindowMs, maxIds: KNOWN_IDS }),
  })
  return {
    replayCache,
    sealedReplayCache,
    rateLimiter: new RateLimiter({ ...limits, createCounter: countersIn(redis, failure.rate) }),
    quotaGuard: new QuotaGuard({
      quotas,
      counter: new RedisQuotaCounter({ redis, degrade: failure.rate === 'degrade' }),
    }),
    redis,
    close: async () => {
      await replayCache.close()
      await sealedReplayCache.close()
      redis.close()
    },
  }
}

/** Requests without a date are remembered for as long as they can be decrypted. */
const sealedReplayWindowMs = (config: GatewayConfig): number =>
  config.requestDate === 'optional' ? requestKeyLifeMs(config) : DATED_WINDOW_MS

const REFUSED = 'requests are refused with 503 until it works'

/** Server keys are not part of it: their own check reports failures. */
const consequencesOf = (failure: RedisFailure): Consequences => ({
  replay:
    failure.replay === 'closed'
      ? REFUSED
      : 'each gateway refuses only replays of requests that it has received itself',
  rate: failure.rate === 'closed' ? REFUSED : 'each gateway grants the whole rate',
  quota: failure.rate === 'closed' ? REFUSED : 'each gateway counts by itself',
})
