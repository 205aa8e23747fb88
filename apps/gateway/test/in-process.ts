import type { AddressInfo } from 'node:net'
import { KeyRing } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'
import { readChatRequest, requestLimits, type ChatRequest } from '../src/completion/chat-request.js'
import { LoadShedder } from '../src/completion/load/load-shedder.js'
import { AccessControl } from '../src/access/access-control.js'
import { noAttestor } from '../src/attestation/attestor.js'
import type { ApiKeyIndex } from '../src/access/api-keys/api-key-index.js'
import type { CompletionSettings } from '../src/completion/service-context.js'
import type { CompletionContext } from '../src/completion/handle-completion.js'
import { HostMeasurements } from '../src/metadata/host-metadata.js'
import { createGatewayLog } from '../src/observability/gateway-log.js'
import { EventLoopTurns } from '../src/json/event-loop-turns.js'
import { CompletionObservation } from '../src/observability/completion-record.js'
import { Metrics } from '../src/observability/metrics/metrics.js'
import { RateLimiter } from '../src/access/rate/rate-limiter.js'
import { LocalReplayCache } from '../src/completion/replay/local.js'
import { noTracer } from '../src/observability/tracing/tracer.js'
import { QuotaGuard } from '../src/access/quota/quota-guard.js'
import { ReplyKeyCache } from '../src/completion/reply-key-cache.js'
import { createServer } from '../src/http/server.js'
import type { EngineContext } from '../src/upstreams/engine.js'
import { ListedModels } from '../src/upstreams/listed-models.js'
import { serverKeys } from './support.js'

/** The parts under test; all others let every request pass. */
export type Parts = Pick<CompletionSettings, 'engine'> &
  Partial<CompletionSettings & Pick<CompletionContext, 'attestor' | 'observers'>> & {
    readonly currentKeys?: () => ApiKeyIndex | undefined
  }

/** The server of a gateway in this process, on loopback: for parts that no configuration can give. */
export async function listenInProcess({
  engine,
  attestor = noAttestor,
  policy,
  observers = [],
  currentKeys = () => undefined,
}: Parts): Promise<{ server: FastifyInstance; url: string; metrics: Metrics }> {
  const metrics = new Metrics()
  const server = createServer({
    context: {
      serverKeys: new KeyRing(serverKeys),
      replyKeys: new ReplyKeyCache(),
      current: () => ({ engine, policy, requestRules: {} }),
      attestor,
      replayCache: new LocalReplayCache({ windowMs: 60_000 }),
      maxBodyBytes: 1024 * 1024,
      metrics,
      observers: [metrics.completions, ...observers],
      loadShedder: new LoadShedder({}, metrics, 1024 * 1024),
      quotaGuard: new QuotaGuard({}),
      jsonLimits: requestLimits,
      turns: new EventLoopTurns(),
      tracer: noTracer,
      hostMeasurements: new HostMeasurements(),
      streams: () => ({}),
      listedModels: new ListedModels(),
    },
    accessControl: new AccessControl(currentKeys, new RateLimiter({ limit: undefined })),
    corsOrigins: [],
    unready: () => undefined,
    log: createGatewayLog({ level: 'silent', format: 'json', stream: process.stderr }),
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    server,
    url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    metrics,
  }
}

/** A chat request as an engine receives it. */
export const chatRequestOf = (value: object): Promise<ChatRequest> =>
  readChatRequest(Buffer.from(JSON.stringify(value)), {
    limits: requestLimits(),
    turns: new EventLoopTurns(),
  })

/** The context of a request, without limits. */
export const engineContext = (given: Partial<EngineContext> = {}): EngineContext => ({
  tier: 'standard',
  changes: {},
  cacheSalt: undefined,
  turns: new EventLoopTurns(),
  observation: new CompletionObservation({ requestId: 'r', payloadId: undefined, wire: 1 }),
  headers: {},
  reserveAnswer: () => undefined,
  ...given,
})
