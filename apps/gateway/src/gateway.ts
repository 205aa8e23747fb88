import { setTimeout } from 'node:timers/promises'
import type { Writable } from 'node:stream'
import { closeWithin, isForeignName, isLoopback, listenHost } from '@nomyo-internal/http-server'
import type { FastifyBaseLogger } from 'fastify'
import { AccessControl } from './access/access-control.js'
import { ApiKeyStore } from './access/api-keys/api-key-store.js'
import { KnownRelays } from './access/known-relays.js'
import { reportPolicy } from './access/policy/report-policy.js'
import { TierPolicy } from './access/policy/tier-policy.js'
import { noAttestor, type Attestor } from './attestation/attestor.js'
import { TpmAttestor } from './attestation/tpm-attestor.js'
import type { ServiceContext } from './completion/service-context.js'
import { requestLimits } from './completion/chat-request.js'
import type { Wire2Offer } from './completion/handle-completion.js'
import { LoadShedder } from './completion/load/load-shedder.js'
import { ReplyKeyCache } from './completion/reply-key-cache.js'
import type { GatewayConfig } from './config/config.js'
import { drainTimeoutMs } from './config/drain-timeout.js'
import { refuseEmptySettings } from './config/refuse-empty.js'
import { checkTrustedFiles } from './doctor/trusted-files.js'
import { ConnectionLimits } from './http/connection-limits.js'
import type { Unready } from './http/routes/health.js'
import { readPage } from './http/routes/page.js'
import { createServer, type ServerOptions } from './http/server.js'
import { readTlsFiles } from './http/tls.js'
import { EventLoopTurns } from './json/event-loop-turns.js'
import { certificateEnd, watchExpiries } from './observability/metrics/expiry-metrics.js'
import { createGatewayLog } from './observability/gateway-log.js'
import type { Logger } from './observability/log.js'
import { startMetricsServer, type MetricsServer } from './observability/metrics/metrics-server.js'
import { Metrics } from './observability/metrics/metrics.js'
import { HostMeasurements } from './metadata/host-metadata.js'
import { RedisMetrics } from './observability/metrics/redis-metrics.js'
import { noTracer, type Tracer } from './observability/tracing/tracer.js'
import { UpstreamMetrics } from './observability/metrics/upstream-metrics.js'
import {
  apiKeysPart,
  certificatePart,
  checksPart,
  callerLimitsPart,
  connectionsPart,
  loadPart,
  logLevelPart,
  routingPart,
  streamsPart,
  type Routing,
} from './reload/parts.js'
import { Reloader, type ReloadReport } from './reload/reloader.js'
import { openRequestKeys, type OpenedRequestKeys } from './request-keys/open-request-keys.js'
import type { RequestKeys } from './request-keys/request-keys.js'
import { maxRequestBytes, maxUploadBytes } from './request-keys/statement.js'
import { openStores } from './server-keys/open-stores.js'
import { ServerKeys } from './server-keys/server-keys.js'
import { createSharedState, type SharedState } from './shared-state.js'
import { createDemoEngine } from './upstreams/demo/demo.js'
import type { Engine } from './upstreams/engine.js'
import { ListedModels } from './upstreams/listed-models.js'
import { planUpstreams } from './upstreams/pool/plan-upstreams.js'
import { UpstreamPool } from './upstreams/pool/pool.js'
import { UPLOAD_IDLE_MS, UPLOAD_STALL_MS } from './wire-2/request/upload-limits.js'
import { WorkInProgress } from './wire-2/request/work-in-progress.js'

/** A gateway that listens. */
export interface Gateway {
  /** Address, such as `http://127.0.0.1:12435`. */
  readonly url: string
  /** Fingerprint of the current server key for pinning, as `sha256/...`. */
  readonly fingerprint: string
  /** Fingerprint of the newest identity key for pinning, as `sha256/...`; undefined without wire 2. */
  readonly identity: string | undefined
  /**
   * Creates the next server key, which decrypts from now on. A key in memory is published at once; any
   * other after the lead, when all gateways that share it decrypt with it. The previous key still
   * decrypts for the overlap.
   */
  rotateKey(): Promise<void>
  /**
   * Reads the settings and all files again: upstreams, tiers, limits, quotas, CA files, API keys and the
   * certificate change together, or not at all when one of them is faulty. Polls the server keys, too.
   * Never rejects: the result is logged and returned. Requests in flight finish as they began.
   */
  reload(): Promise<ReloadReport>
  /** Stops accepting requests, finishes those in flight, disposes of keys. Can be called repeatedly. */
  close(): Promise<void>
}

/** Receivers of messages and logs. */
export interface GatewayOptions {
  /** Receives messages for the operator. Default: the log. */
  readonly logger?: Logger | undefined
  /** Receives the lines of the log. Default: standard error. */
  readonly logStream?: Writable | undefined
  /** Receives everything in place of `logStream`; a logger of pino. Default: a log of `logLevel`. */
  readonly log?: FastifyBaseLogger | undefined
  /**
   * Reads the settings for a reload. Default: the settings of the start, so that files are read again.
   *
   * @throws any error for faulty settings, and nothing changes
   */
  readonly readConfig?: (() => GatewayConfig) | undefined
  /** Cancels the fetching and loading of a model: the start rejects with its reason. Default: none. */
  readonly signal?: AbortSignal | undefined
}

const CLOSED: ReloadReport = {
  status: 'failed',
  changed: [],
  needsRestart: [],
  code: 'ERR_CLOSED',
}
/** Clients renew the key after an hour; those that keep it for longer have this much time. */
const DEFAULT_OVERLAP_MS = 24 * 60 * 60 * 1000
const DEFAULT_LEAD_MS = 6000

/**
 * Starts a gateway. Resolves when it listens.
 *
 * @example
 * ```ts
 * import { createGateway } from '@nomyo/gateway'
 *
 * const gateway = await createGateway({
 *   host: '127.0.0.1',
 *   port: 0,
 *   engine: { kind: 'openai', baseUrl: 'http://127.0.0.1:11434/v1', apiKey: undefined },
 *   apiKeys: ['a-long-random-key'],
 *   keyDir: './keys',
 *   maxBodyBytes: 16 * 1024 * 1024,
 *   logLevel: 'warn',
 * })
 * console.log(gateway.url, gateway.fingerprint)
 * await gateway.close()
 * ```
 * @throws SecurityError when a server key cannot be read
 * @throws GatewayError for empty settings, a model that cannot be loaded, weak API keys, the file of API keys, certificates, the URL of Redis, and the store of server keys
 * @throws TpmError when evidence is required and the TPM gives no quote
 * @throws system errors for the address
 */
export async function createGateway(
  config: GatewayConfig,
  {
    logStream = process.stderr,
    log: givenLog,
    logger: givenLogger,
    readConfig = () => config,
    signal = new AbortController().signal,
  }: GatewayOptions = {},
): Promise<Gateway> {
  const { logLevel: level, logFormat: format = 'json' } = config
  const log = givenLog ?? createGatewayLog({ level, format, stream: logStream })
  const logger = givenLogger ?? log
  refuseEmptySettings(config)
  warnAboutExposure(config, logger)
  for (const { message, remedy = '' } of await checkTrustedFiles(config)) {
    logger.warn(`${message}; ${remedy}`)
  }
  const apiKeyStore = await ApiKeyStore.open({
    apiKeys: config.apiKeys,
    keysFile: config.keysFile,
  })
  const tls = config.tls === undefined ? undefined : await readTlsFiles(config.tls)
  const page = config.web === true ? await readPage() : undefined
  const metrics = new Metrics()
  const attestor = createAttestor(config, logger)
  const policy = config.policy === undefined ? undefined : new TierPolicy(config.policy)
  if (policy !== undefined) reportPolicy(policy, config, logger)
  const engine = await createEngine(config, policy, { metrics, logger, signal })
  const orCloseEngine = <T>(work: Promise<T>): Promise<T> =>
    work.catch(async (error: unknown) => {
      await engine.close()
      throw error
    })
  const tracer = await orCloseEngine(createTracer(config, metrics, engine, logger))
  const redisMetrics = config.redis && new RedisMetrics(metrics.registry)
  const sharedState = await orCloseEngine(createSharedState(config, logger, redisMetrics))
  if (sharedState.redis !== undefined) redisMetrics?.watch(sharedState.redis)
  const { serverKeys, requestKeys } = await orCloseEngine(openKeys(config, sharedState, logger))
  metrics.watchQuotas(() => sharedState.quotaGuard.states())
  const { replayCache, sealedReplayCache, rateLimiter, quotaGuard } = sharedState
  let phase: 'starting' | 'open' | 'draining' = 'starting'
  const unready: Unready = () => {
    if (phase !== 'open') return phase
    return attestor.required && !attestor.ready ? 'no evidence' : undefined
  }
  if (config.logModels !== false) {
    metrics.completions.watchModels((model) => engine.lists?.(model) === true)
  }
  let servedTls = tls
  watchExpiries(metrics.registry, {
    certificateEndsMs: () => servedTls && certificateEnd(servedTls.cert),
    rotationDueMs: () => serverKeys.rotationDueMs,
    keyStatement: () => requestKeys?.latest,
  })
  const routing: Routing = { engine, policy, requestRules: config.requests ?? {} }
  const limits = new ConnectionLimits(config.load)
  const loadShedder = new LoadShedder(config.load ?? {}, metrics, config.maxBodyBytes)
  const accessControl = new AccessControl(() => apiKeyStore.keys, rateLimiter)
  const streams = { current: config.streams ?? {} }
  const services: ServiceContext = {
    current: () => ({ ...routing }),
    attestor,
    maxBodyBytes: config.maxBodyBytes,
    metrics,
    observers: [metrics.completions, quotaGuard],
    loadShedder,
    quotaGuard,
    jsonLimits: () => requestLimits(loadShedder.load.maxJsonValues),
    turns: new EventLoopTurns(),
    tracer,
    hostMeasurements: new HostMeasurements(),
    streams: () => streams.current,
    listedModels: new ListedModels(),
  }
  const knownRelays = new KnownRelays(config.knownRelays)
  const server = createServer({
    context: {
      ...services,
      serverKeys: serverKeys.ring,
      replyKeys: new ReplyKeyCache(),
      replayCache,
      acceptLegacyTag: config.acceptLegacyTag,
      wire2Offer: () => wire2OfferOf(requestKeys, config.minWire),
    },
    requestKeys,
    minWire: config.minWire,
    exchange: requestKeys && {
      ...services,
      maxBodyBytes: maxRequestBytes(config.maxBodyBytes),
      requestKeys,
      accessControl,
      replayCache: sealedReplayCache,
      workInProgress: new WorkInProgress({ redis: sharedState.redis }),
      settings: {
        dateIsOptional: config.requestDate === 'optional',
        publicNames: config.publicNames,
      },
      requestTimeoutMs: () => limits.requestTimeoutMs,
      uploads: () => ({
        maxBytes: maxUploadBytes(config),
        totalMs: limits.uploadTimeoutMs,
        idleMs: UPLOAD_IDLE_MS,
        stallMs: UPLOAD_STALL_MS,
      }),
    },
    accessControl,
    corsOrigins: config.corsOrigins ?? [],
    isForeignHost: foreignHostCheck(config),
    unready,
    page: page && { files: page, host: config.host },
    limits,
    tls,
    trustedProxies: config.trustedProxies,
    knownRelays,
    log,
    logModels: config.logModels,
  })
  let metricsServer: MetricsServer | undefined
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    // Load balancers need time to notice and to send requests elsewhere.
    if (phase === 'open' && config.drainDelayMs !== undefined) {
      phase = 'draining'
      await setTimeout(config.drainDelayMs)
    }
    phase = 'draining'
    await closeWithin(server, drainTimeoutMs(config))
    await tracer.close()
    metricsServer?.close()
    await engine.close()
    await attestor.close()
    await requestKeys?.close()
    await serverKeys.close()
    await sharedState.close()
  }
  const reloader = new Reloader({
    config,
    readConfig,
    log: server.log,
    parts: [
      checksPart(logger),
      apiKeysPart(apiKeyStore),
      certificatePart(server.server, tls, (files) => {
        servedTls = files
      }),
      routingPart(config, routing, logger),
      callerLimitsPart(config, { rateLimiter, quotaGuard }),
      loadPart(config, loadShedder),
      streamsPart(config, streams),
      connectionsPart(config, server.server, limits),
      logLevelPart(config, [log, server.log]),
    ],
  })
  try {
    await attestor.start(server.log)
    engine.start?.(server.log)
    serverKeys.start(server.log)
    requestKeys?.start(server.log)
    if (config.metrics !== undefined) {
      metricsServer = await startMetricsServer(metrics, config.metrics)
      logger.info(`metrics on ${metricsServer.url}`)
    }
    const url = await server.listen({ host: listenHost(config.host), port: config.port })
    phase = 'open'
    /* eslint-disable no-restricted-syntax -- one object per gateway may have getters */
    return {
      url,
      get fingerprint() {
        return serverKeys.fingerprint
      },
      get identity() {
        return requestKeys?.identity
      },
      /* eslint-enable no-restricted-syntax */
      rotateKey: () => serverKeys.rotate(),
      reload: async () => {
        // A gateway that stops finishes its requests as they began.
        if (phase !== 'open') return CLOSED
        const report = await reloader.reload()
        metrics.countReload(report.status)
        await serverKeys.refresh()
        await requestKeys?.refresh()
        return report
      },
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * On loopback without keys, any program may call, and a web page must not pass for one by a name that
 * resolves to this machine. A proxy, once it is named, may pass any name on.
 */
function foreignHostCheck({
  host,
  apiKeys,
  keysFile,
  trustedProxies = [],
}: GatewayConfig): ServerOptions['isForeignHost'] {
  const isOpen = apiKeys === undefined && keysFile === undefined
  if (!isOpen || !isLoopback(host) || trustedProxies.length > 0) return undefined
  return isForeignName
}

/** States in answers of wire 1 that wire 2 is served; undefined while there is no valid statement. */
function wire2OfferOf(
  requestKeys: RequestKeys | undefined,
  min: Wire2Offer['min'] = '1.0',
): Wire2Offer | undefined {
  const published = requestKeys?.published()
  return published && { min, statement_sha256: published.sha256 }
}

async function createEngine(
  { engine }: GatewayConfig,
  policy: TierPolicy | undefined,
  {
    metrics,
    logger,
    signal,
  }: { readonly metrics: Metrics; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<Engine> {
  if (engine.kind === 'demo') return createDemoEngine()
  if (engine.kind === 'model') {
    // Loaded only where a model runs in this process.
    const { openEmbeddedEngine } = await import('./upstreams/embedded/open-embedded-engine.js')
    return openEmbeddedEngine(engine, { registry: metrics.registry, logger, signal })
  }
  const upstreamMetrics = new UpstreamMetrics(metrics.registry, () => pool.upstreams())
  const pool = new UpstreamPool(planUpstreams(engine, policy, logger), {
    onAttempt: (upstream, result) => {
      upstreamMetrics.count(upstream, result)
    },
  })
  return pool
}

async function createTracer(
  { tracing, logModels = true }: GatewayConfig,
  metrics: Metrics,
  engine: Engine,
  logger: Logger,
): Promise<Tracer> {
  if (tracing === undefined) return noTracer
  // Loaded only where traces are exported.
  const { createOtelTracer } = await import('./observability/tracing/otel-tracer.js')
  return createOtelTracer(tracing, {
    logger,
    count: (result, count) => {
      metrics.countSpans(result, count)
    },
    models: logModels,
    urlOf: (name) => engine.upstreams?.().find((upstream) => upstream.name === name)?.url,
  })
}

function createAttestor({ tpm }: GatewayConfig, logger: Logger): Attestor {
  return tpm === undefined ? noAttestor : new TpmAttestor(tpm, logger)
}

async function openKeys(
  config: GatewayConfig,
  sharedState: SharedState,
  logger: Logger,
): Promise<{ serverKeys: ServerKeys; requestKeys: OpenedRequestKeys | undefined }> {
  const { rotationMs, overlapMs = DEFAULT_OVERLAP_MS, leadMs = DEFAULT_LEAD_MS } = config.keys ?? {}
  const { redis } = sharedState
  try {
    const { serverKeys: store, identities } = await openStores(config, redis, logger)
    const serverKeys = await ServerKeys.open(store, { rotationMs, overlapMs, leadMs }, logger)
    const parts = { serverKeys, identities, redis, leadMs, logger }
    return { serverKeys, requestKeys: await openRequestKeys(config, parts) }
  } catch (error) {
    await sharedState.close()
    throw error
  }
}

function warnAboutExposure(config: GatewayConfig, logger: Logger): void {
  if (config.engine.kind === 'demo') {
    logger.warn('demo engine: answers are invented, no model is used')
  }
  if (config.apiKeys === undefined && config.keysFile === undefined) {
    logger.warn(
      `no --api-key and no --keys-file: every client that reaches ${config.host} can use this gateway`,
    )
  }
  if (config.corsOrigins?.includes('*') === true) {
    logger.warn(
      '--cors-origin *: every web page can use this gateway from the browser that opens it',
    )
  }
}
