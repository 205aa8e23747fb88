import type { AddressInfo } from 'node:net'
import { KeyRing } from '@nomyo/crypto'
import {
  createRequestKey,
  loadClassicKem,
  parseKeyList,
  encodeKeyList,
  type Kem,
  type KeyConfig,
  type RequestKey,
} from '@nomyo/crypto/wire-2'
import { onTestFinished } from 'vitest'
import { AccessControl } from '../../src/access/access-control.js'
import type { ApiKeyIndex } from '../../src/access/api-keys/api-key-index.js'
import { QuotaGuard } from '../../src/access/quota/quota-guard.js'
import { RateLimiter } from '../../src/access/rate/rate-limiter.js'
import { noAttestor, type Attestor } from '../../src/attestation/attestor.js'
import { requestLimits } from '../../src/completion/chat-request.js'
import { LoadShedder } from '../../src/completion/load/load-shedder.js'
import { LocalReplayCache } from '../../src/completion/replay/local.js'
import { ReplyKeyCache } from '../../src/completion/reply-key-cache.js'
import { ConnectionLimits } from '../../src/http/connection-limits.js'
import type { LoadConfig, StreamConfig } from '../../src/config/config.js'
import { createServer } from '../../src/http/server.js'
import { EventLoopTurns } from '../../src/json/event-loop-turns.js'
import { HostMeasurements } from '../../src/metadata/host-metadata.js'
import { createGatewayLog } from '../../src/observability/gateway-log.js'
import { Metrics } from '../../src/observability/metrics/metrics.js'
import { noTracer } from '../../src/observability/tracing/tracer.js'
import type { PublishedKeys } from '../../src/request-keys/request-keys.js'
import { createDemoEngine } from '../../src/upstreams/demo/demo.js'
import type { Engine } from '../../src/upstreams/engine.js'
import { ListedModels } from '../../src/upstreams/listed-models.js'
import type { ExchangeContext } from '../../src/wire-2/exchange-context.js'
import { WorkInProgress } from '../../src/wire-2/request/work-in-progress.js'
import { serverKeys } from '../support.js'
import { hybridKem } from './client.js'

export const classicKem: Kem = await loadClassicKem()

/** Parts that a test replaces. */
export interface ExchangeParts extends Partial<
  Pick<
    ExchangeContext,
    | 'now'
    | 'heartbeatsMs'
    | 'streamHeartbeatMs'
    | 'settings'
    | 'replayCache'
    | 'quotaGuard'
    | 'maxBodyBytes'
    | 'uploads'
  >
> {
  readonly engine?: Engine
  readonly attestor?: Attestor
  readonly currentKeys?: () => ApiKeyIndex | undefined
  readonly requestTimeoutMs?: number
  readonly load?: LoadConfig
  readonly streams?: StreamConfig
  /** Keys that decrypt; a test may change them. Default: a post-quantum and a classic one. */
  readonly keys?: RequestKey[]
}

/** Services for requests of wire 2, and the keys that clients encrypt to. */
export async function exchangeContext(parts: ExchangeParts = {}): Promise<{
  context: ExchangeContext
  keys: RequestKey[]
  hybrid: KeyConfig
  classic: KeyConfig
}> {
  const metrics = new Metrics()
  const maxBodyBytes = parts.maxBodyBytes ?? 1024 * 1024
  const keys = parts.keys ?? [
    await createRequestKey(hybridKem, { id: 7 }),
    await createRequestKey(classicKem, { id: 8 }),
  ]
  const [hybrid, classic] = parseKeyList(encodeKeyList(keys))
  const engine = parts.engine ?? createDemoEngine()
  const context: ExchangeContext = {
    current: () => ({ engine, policy: undefined, requestRules: {} }),
    attestor: parts.attestor ?? noAttestor,
    maxBodyBytes,
    metrics,
    observers: [metrics.completions],
    loadShedder: new LoadShedder(parts.load ?? {}, metrics, maxBodyBytes),
    quotaGuard: parts.quotaGuard ?? new QuotaGuard({}),
    jsonLimits: requestLimits,
    turns: new EventLoopTurns(),
    tracer: noTracer,
    hostMeasurements: new HostMeasurements(),
    streams: () => parts.streams ?? {},
    listedModels: new ListedModels(),
    requestKeys: {
      opening: () => keys,
      published: () => ({ sha256: '0'.repeat(64) }) as PublishedKeys,
    },
    accessControl: new AccessControl(
      parts.currentKeys ?? (() => undefined),
      new RateLimiter({ limit: undefined }),
    ),
    replayCache: parts.replayCache ?? new LocalReplayCache({ windowMs: 660_000 }),
    workInProgress: new WorkInProgress(),
    settings: parts.settings ?? {},
    uploads: parts.uploads,
    requestTimeoutMs: () => parts.requestTimeoutMs ?? 120_000,
    now: parts.now,
    heartbeatsMs: parts.heartbeatsMs,
    streamHeartbeatMs: parts.streamHeartbeatMs,
  }
  return { context, keys, hybrid: hybrid!, classic: classic! }
}

/** The server of a gateway in this process, for the time of one test. */
export async function testExchange(parts: ExchangeParts = {}) {
  const made = await exchangeContext(parts)
  const { context } = made
  const { accessControl } = context
  const server = createServer({
    context: {
      ...context,
      serverKeys: new KeyRing(serverKeys),
      replyKeys: new ReplyKeyCache(),
    },
    exchange: context,
    limits: new ConnectionLimits({ requestTimeoutMs: context.requestTimeoutMs() }),
    accessControl,
    corsOrigins: [],
    unready: () => undefined,
    log: createGatewayLog({ level: 'silent', format: 'json', stream: process.stderr }),
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close())
  const { port } = server.server.address() as AddressInfo
  return { ...made, server, port, url: `http://127.0.0.1:${port}` }
}
