import { setTimeout } from 'node:timers/promises'
import { Admission } from './completion/load-shedder.js'
import { noAttestor, type Attestor } from './attestation/attestor.js'
import { TpmAttestor } from './attestation/tpm-attestor.js'
import { KeyStore } from './access/api-key-store.js'
import { createAuthenticate } from './access/authenticate.js'
import type { GatewayConfig } from './config/config.js'
import { createDemoEngine } from './upstreams/demo.js'
import type { Engine } from './upstreams/engine.js'
import { createUpstreams } from './upstreams/create-upstreams.js'
import { createMemories, type Memories } from './shared-state.js'
import { measuredAttestor, measuredEngine } from './observability/instrument.js'
import { startMetricsServer, type MetricsServer } from './observability/metrics-server.js'
import { Metrics } from './observability/metrics.js'
import type { Notice } from './observability/notice.js'
import type { Unready } from './http/routes/ready.js'
import { SECURITY_TIERS } from './access/security-tier.js'
import { readPage } from './http/routes/page-files.js'
import { ReplyKeys } from './completion/reply-key-cache.js'
import { createServer } from './http/server.js'
import { openStore } from './server-keys/open-store.js'
import { ServerKeys } from './server-keys/server-keys.js'
import { TierPolicy } from './access/tier-policy.js'
import { TlsFileError, readTlsFiles, renewTls } from './http/tls.js'

/** A gateway that listens. */
export interface Gateway {
  /** Where it listens, such as `http://127.0.0.1:12435`. */
  readonly url: string
  /** `sha256/...` of the server key of now, for pinning. */
  readonly fingerprint: string
  /**
   * Makes the next server key, which opens from now on. It is handed out at once where it is in memory
   * only, else after the lead, when all gateways that share it open it too; the one before still
   * opens for the overlap.
   */
  rotateKey(): Promise<void>
  /**
   * Reads again what is in files: server keys, API keys, certificate. What cannot be read stays as it
   * is, and the notice says so.
   */
  reload(): Promise<void>
  /** Stops accepting, lets requests in flight finish, lets go of keys. Safe to call twice. */
  close(): Promise<void>
}

/** Clients ask for the key again after an hour; those that keep it longer have this much time. */
const DEFAULT_OVERLAP_MS = 24 * 60 * 60 * 1000
const DEFAULT_LEAD_MS = 6000

/**
 * Starts a gateway. Resolves when it listens; rejects when a key cannot be read, the address is
 * taken, or a TPM that is required gives no quote.
 *
 * @throws SecurityError for keys, KeyStoreError for keys in Redis, KeysFileError for the file of API keys, CaFileError for certificates of upstreams, TpmError for the TPM, system errors for the address
 */
export async function createGateway(
  config: GatewayConfig,
  notice: Notice = () => undefined,
): Promise<Gateway> {
  warnAboutOpenDoors(config, notice)
  const keyStore = await KeyStore.open(
    { apiKeys: config.apiKeys, keysFile: config.keysFile },
    notice,
  )
  const tls = config.tls === undefined ? undefined : await readTlsFiles(config.tls)
  const page = config.web === true ? await readPage() : undefined
  const metrics = new Metrics()
  const attestor = measuredAttestor(createAttestor(config, notice), metrics)
  const policy = config.policy === undefined ? undefined : new TierPolicy(config.policy)
  if (policy !== undefined) announce(policy, config, notice)
  const engine = measuredEngine(createEngine(config, policy, notice), metrics)
  const memories = await createMemories(config, notice)
  const serverKeys = await openServerKeys(config, memories, notice)
  const { replayMemory, rateLimiter } = memories
  let phase: 'starting' | 'open' | 'draining' = 'starting'
  const unready: Unready = () => {
    if (phase !== 'open') return phase
    return attestor.required && !attestor.ready ? 'no evidence' : undefined
  }
  const server = createServer({
    context: {
      serverKeys: serverKeys.ring,
      replyKeys: new ReplyKeys(),
      engine,
      attestor,
      policy,
      replayMemory,
      maxBodyBytes: config.maxBodyBytes,
      acceptLegacyTag: config.acceptLegacyTag,
      metrics,
      admission: new Admission(config.load ?? {}, metrics),
    },
    authenticate: createAuthenticate(() => keyStore.keys),
    rateLimiter,
    corsOrigins: config.corsOrigins ?? [],
    unready,
    page: page && { files: page, host: config.host },
    maxConnections: config.load?.maxConnections,
    maxConnectionsPerAddress: config.load?.maxConnectionsPerAddress,
    requestTimeoutMs: config.load?.requestTimeoutMs,
    tls,
    trustedProxies: config.trustedProxies,
    logLevel: config.logLevel,
  })
  let metricsServer: MetricsServer | undefined
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    // Load balancers need a while to see that requests go elsewhere now.
    if (phase === 'open' && config.drainDelayMs !== undefined) {
      phase = 'draining'
      await setTimeout(config.drainDelayMs)
    }
    phase = 'draining'
    await server.close()
    metricsServer?.close()
    await engine.close()
    await attestor.close()
    await serverKeys.close()
    await memories.close()
  }
  const reloadTls = async (): Promise<void> => {
    if (config.tls === undefined) return
    await renewTls(server.server, config.tls).catch((error: unknown) => {
      const detail = error instanceof TlsFileError ? error.message : ''
      server.log.error({ code: 'ERR_TLS_FILES', detail }, 'the certificate stays as it was')
    })
  }
  try {
    await attestor.start(server.log)
    engine.start?.(server.log)
    serverKeys.start(server.log)
    if (config.metrics !== undefined) {
      metricsServer = await startMetricsServer(metrics, config.metrics)
      notice(`metrics on ${metricsServer.url}`)
    }
    const url = await server.listen({ host: config.host, port: config.port })
    phase = 'open'
    return {
      url,
      get fingerprint() {
        return serverKeys.fingerprint
      },
      rotateKey: () => serverKeys.rotate(),
      reload: async () => {
        await keyStore.reload()
        await serverKeys.refresh()
        await reloadTls()
      },
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await close()
    throw error
  }
}

function createEngine(
  { engine }: GatewayConfig,
  policy: TierPolicy | undefined,
  notice: Notice,
): Engine {
  return engine.kind === 'demo' ? createDemoEngine() : createUpstreams(engine, policy, notice)
}

function createAttestor({ tpm }: GatewayConfig, notice: Notice): Attestor {
  return tpm === undefined ? noAttestor : new TpmAttestor(tpm, notice)
}

async function openServerKeys(
  config: GatewayConfig,
  memories: Memories,
  notice: Notice,
): Promise<ServerKeys> {
  const { rotationMs, overlapMs = DEFAULT_OVERLAP_MS, leadMs = DEFAULT_LEAD_MS } = config.keys ?? {}
  try {
    const store = await openStore(config, memories.redis, notice)
    return await ServerKeys.open(store, { rotationMs, overlapMs, leadMs }, notice)
  } catch (error) {
    await memories.close()
    throw error
  }
}

function announce(policy: TierPolicy, { tpm }: GatewayConfig, notice: Notice): void {
  notice(`tier policy ${policy.version}`)
  const unmet = SECURITY_TIERS.filter((tier) => policy.ruleOf(tier)?.requireAttestation === true)
  if (unmet.length === 0 || tpm !== undefined) return
  notice(`no --tpm: the policy wants attestation, so there are no answers for ${unmet.join(', ')}`)
}

function warnAboutOpenDoors(config: GatewayConfig, notice: Notice): void {
  if (config.engine.kind === 'demo') {
    notice('demo engine: answers are made up by this process, no model is asked')
  }
  if (config.apiKeys.length === 0 && config.keysFile === undefined) {
    notice(
      `no --api-key and no --keys-file: everybody who reaches ${config.host} may use this gateway`,
    )
  }
  if (config.corsOrigins?.includes('*') === true) {
    notice('--cors-origin *: every web page may use this gateway, from the browser it is open in')
  }
}
