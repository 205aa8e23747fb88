import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:https'
import { isDeepStrictEqual } from 'node:util'
import type { ApiKeyStore } from '../access/api-keys/api-key-store.js'
import type { QuotaGuard } from '../access/quota/quota-guard.js'
import { defaultLimits, type RateLimiter } from '../access/rate/rate-limiter.js'
import type { RequestRules } from '../access/policy/request-rules.js'
import { reportPolicy } from '../access/policy/report-policy.js'
import { TierPolicy } from '../access/policy/tier-policy.js'
import type { LoadShedder } from '../completion/load/load-shedder.js'
import { refuseEmptySettings } from '../config/refuse-empty.js'
import { checkTrustedFiles } from '../doctor/trusted-files.js'
import type { GatewayConfig, LoadConfig, StreamConfig } from '../config/config.js'
import type { ConnectionLimits } from '../http/connection-limits.js'
import { readTlsFiles, type TlsFiles } from '../http/tls.js'
import type { Engine } from '../upstreams/engine.js'
import type { Logger } from '../observability/log.js'
import { planUpstreams } from '../upstreams/pool/plan-upstreams.js'
import { UpstreamPool } from '../upstreams/pool/pool.js'
import { describeNames } from './describe-names.js'
import { protectionLost, type PreparedChange, type ReloadablePart } from './reloadable-part.js'

/** Checks of a start that change nothing: empty settings are refused, access rights of files reported. */
export const checksPart = (logger: Logger): ReloadablePart => ({
  prepare: async (config) => {
    refuseEmptySettings(config)
    const findings = await checkTrustedFiles(config)
    return {
      changed: [],
      commit: () => {
        for (const { message, remedy = '' } of findings) logger.warn(`${message}: ${remedy}`)
      },
    }
  },
})

/** API keys of the settings and of the file. */
export const apiKeysPart = (store: ApiKeyStore): ReloadablePart => ({
  prepare: ({ apiKeys, keysFile }) => store.prepare({ apiKeys, keysFile }),
})

/**
 * Certificate and private key; existing connections continue unchanged.
 *
 * @param onChange - receives the files once they are served
 */
export function certificatePart(
  server: Server,
  served: TlsFiles | undefined,
  onChange: (files: TlsFiles) => void = none,
): ReloadablePart {
  let current = served
  return {
    prepare: async ({ tls }) => {
      if (!(server instanceof TlsServer)) {
        const needsRestart = tls === undefined ? [] : ['tlsCert and tlsKey']
        return { changed: [], needsRestart, commit: none }
      }
      if (tls === undefined) throw protectionLost('certificate')
      const files = await readTlsFiles(tls)
      if (isDeepStrictEqual(files, current)) return NO_CHANGE
      return {
        changed: ['certificate'],
        commit: () => {
          current = files
          server.setSecureContext(files)
          onChange(files)
        },
      }
    },
  }
}

/** Settings that select the model server of a request; a request sees one version of them. */
export interface Routing {
  engine: Engine
  policy: TierPolicy | undefined
  requestRules: RequestRules
}

/** Model servers, tiers and rules of requests. */
export function routingPart(
  running: GatewayConfig,
  routing: Routing,
  logger: Logger,
): ReloadablePart {
  let served = running.policy
  let servedBy = running.engine
  return {
    prepare: (config) => {
      const { policy, requests: rules = {} } = config
      if (policy === undefined && served !== undefined) throw protectionLost('tiers')
      const isSame = isDeepStrictEqual(policy, served)
      const next = isSame || policy === undefined ? routing.policy : new TierPolicy(policy)
      const isSameEngine = isDeepStrictEqual(config.engine, servedBy)
      const update = prepareEngine(routing.engine, config, next, isSameEngine)
      // Such as the interval of health checks.
      const isOther = update?.changed.length === 0 && !isSameEngine
      const requests = isDeepStrictEqual(rules, routing.requestRules) ? [] : ['requests']
      const tiers = isSame || next === undefined ? [] : [`tiers (policy ${next.version})`]
      return {
        changed: [
          ...(update?.changed ?? []),
          ...(isOther ? ['upstreams'] : []),
          ...tiers,
          ...requests,
        ],
        needsRestart: update === undefined ? ['engine'] : [],
        commit: () => {
          served = policy
          if (update !== undefined) servedBy = config.engine
          routing.policy = next
          routing.requestRules = rules
          if (!isSame && next !== undefined) reportPolicy(next, running, logger)
          update?.commit()
          for (const notice of update?.notices ?? []) logger.warn(notice)
        },
      }
    },
  }
}

/** Prepares the model servers; undefined where another engine would be needed. */
function prepareEngine(
  engine: Engine,
  config: GatewayConfig,
  policy: TierPolicy | undefined,
  isSame: boolean,
): { changed: readonly string[]; notices: readonly string[]; commit: () => void } | undefined {
  const { kind } = config.engine
  if (kind === 'demo' || kind === 'model' || !(engine instanceof UpstreamPool)) {
    return isSame ? { changed: [], notices: [], commit: none } : undefined
  }
  // Shown once the change is made.
  const notices: string[] = []
  const collect = (notice: string): void => void notices.push(notice)
  const plan = planUpstreams(config.engine, policy, { info: collect, warn: collect })
  const update = engine.prepare(plan)
  const changed = describeNames('upstreams', update)
  return {
    changed: changed === undefined ? [] : [changed],
    notices,
    commit: () => {
      update.commit()
    },
  }
}

/** Limits of callers: rate and quotas. */
export const callerLimitsPart = (
  running: GatewayConfig,
  {
    rateLimiter,
    quotaGuard,
  }: { readonly rateLimiter: RateLimiter; readonly quotaGuard: QuotaGuard },
): ReloadablePart =>
  settingsPart(running, [
    {
      name: 'rateLimit',
      of: ({ rateLimit, rateCoolDownMs }) => [rateLimit, rateCoolDownMs],
      set: (config) => {
        rateLimiter.setDefault(defaultLimits(config))
      },
    },
    {
      name: 'quotas',
      of: ({ quotas }) => quotas ?? {},
      set: ({ quotas }) => {
        quotaGuard.setDefault(quotas ?? {})
      },
    },
  ])

/** Limits of concurrent work. Concurrent decryptions are not among them: each has a copy of the key. */
export function loadPart(running: GatewayConfig, shedder: LoadShedder): ReloadablePart {
  const part = settingsPart(
    running,
    (
      [
        ['maxQueue', 'maxQueue'],
        ['maxRequests', 'maxRequests'],
        ['maxRequestsPerCaller', 'maxRequestsPerCaller'],
        ['maxBytesInFlight', 'maxBytesInFlight'],
        ['maxJsonValues', 'maxJsonValues'],
      ] as const
    ).map(([name, member]) =>
      loadSetting(name, member, (load) => {
        shedder.setLimits(load)
      }),
    ),
  )
  return {
    prepare: async (config) => ({
      ...(await part.prepare(config)),
      needsRestart: config.load?.maxOpens === running.load?.maxOpens ? [] : ['maxOpens'],
    }),
  }
}

/** Limits of connections. */
export const connectionsPart = (
  running: GatewayConfig,
  server: Server,
  limits: ConnectionLimits,
): ReloadablePart =>
  settingsPart(
    running,
    (
      [
        ['maxConnections', 'maxConnections'],
        ['maxConnectionsPerAddress', 'maxConnectionsPerAddress'],
        ['requestTimeout', 'requestTimeoutMs'],
        ['uploadTimeout', 'uploadTimeoutMs'],
      ] as const
    ).map(([name, member]) =>
      loadSetting(name, member, (load) => {
        limits.apply(server, load)
      }),
    ),
  )

const loadSetting = (
  name: string,
  member: keyof LoadConfig,
  set: (load: LoadConfig) => void,
): LiveSetting => ({
  name,
  of: ({ load }) => load?.[member],
  set: ({ load = {} }) => {
    set(load)
  },
})

/** Least severity that is logged. */
export const logLevelPart = (
  running: GatewayConfig,
  logs: readonly { level: string }[],
): ReloadablePart =>
  settingsPart(running, [
    {
      name: 'logLevel',
      of: ({ logLevel }) => logLevel,
      set: ({ logLevel }) => {
        for (const log of logs) log.level = logLevel
      },
    },
  ])

/** Pace and form of the streams from now on. */
export const streamsPart = (
  running: GatewayConfig,
  streams: { current: StreamConfig },
): ReloadablePart =>
  settingsPart(running, [
    {
      name: 'streams',
      of: (config) => config.streams,
      set: (config) => {
        streams.current = config.streams ?? {}
      },
    },
  ])

/** Setting that needs no file. */
interface LiveSetting {
  readonly name: string
  /** Returns the value, for comparison. */
  readonly of: (config: GatewayConfig) => unknown
  readonly set: (config: GatewayConfig) => void
}

function settingsPart(running: GatewayConfig, settings: readonly LiveSetting[]): ReloadablePart {
  let current = running
  return {
    prepare: (config) => {
      const differing = settings.filter(({ of }) => !isDeepStrictEqual(of(config), of(current)))
      return {
        changed: differing.map(({ name }) => name),
        commit: () => {
          current = config
          for (const { set } of differing) set(config)
        },
      }
    },
  }
}

const none = (): void => undefined
const NO_CHANGE: PreparedChange = { changed: [], commit: none }
