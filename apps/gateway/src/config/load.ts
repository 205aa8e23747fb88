import {
  UsageError,
  readSettings,
  type Environment,
  type Settings,
} from '@nomyo-internal/command-line'
import { isLoopback } from '@nomyo-internal/http-server'
import type { Quotas } from '../access/quota/quota.js'
import { DEFAULT_REDIS_FAILURE } from '../redis/failure-mode.js'
import type { ServerKeyLocation } from '../server-keys/open-stores.js'
import type {
  GatewayConfig,
  KeyConfig,
  RequestKeyConfig,
  TlsConfig,
  TpmConfig,
  TracingConfig,
} from './config.js'
import { readConfigFile, type ConfigFile } from './file.js'
import { OPTIONS } from './schema.js'

/** Requests per second of each caller by default. */
const DEFAULT_RATE = 2

/** Settings of a start. */
export type GatewaySettings = Settings<typeof OPTIONS, ConfigFile>

/** Options that locate the server keys. */
export const KEY_OPTIONS = {
  config: OPTIONS.config,
  keyDir: OPTIONS.keyDir,
  keyPassword: OPTIONS.keyPassword,
  keyPasswordFile: OPTIONS.keyPasswordFile,
  sharedKeys: OPTIONS.sharedKeys,
  redis: OPTIONS.redis,
}

type KeySettings = Settings<typeof KEY_OPTIONS, ConfigFile>

/**
 * Reads the settings of a start from a command line, the environment and the config file.
 *
 * @throws UsageError
 */
export function readGatewaySettings(
  args: readonly string[],
  environment: Environment,
): GatewaySettings {
  const settings = readSettings(OPTIONS, {
    args,
    environment,
    readFile: (textOf) => readConfigFile(textOf, environment),
  })
  if (settings.operands.length === 0) return settings
  throw new UsageError('takes options only, no other arguments')
}

/**
 * Checks settings against each other and converts them to the configuration of a gateway.
 *
 * @throws UsageError that names the setting where it was made
 */
export function gatewayConfig(settings: GatewaySettings): GatewayConfig {
  const { values, file } = settings
  const tls = tlsConfig(settings)
  return {
    host: values.host,
    port: values.port,
    engine: engineConfig(settings),
    apiKeys: values.apiKey.length === 0 ? undefined : values.apiKey,
    keysFile: values.keysFile,
    ...keyLocation(settings),
    redis: redisConfig(settings),
    keys: keyConfig(settings),
    requestKeys: requestKeyConfig(settings),
    minWire: minWire(settings),
    acceptLegacyTag: values.acceptLegacyTag,
    maxBodyBytes: values.maxBody,
    maxUploadBytes: values.maxUpload,
    corsOrigins: corsOrigins(settings),
    web: web(settings, tls),
    tpm: tpmConfig(settings),
    tls,
    trustedProxies: values.trustProxy.flat(),
    knownRelays: values.knownRelay.length === 0 ? undefined : values.knownRelay.flat(),
    load: {
      maxOpens: values.maxOpens,
      maxQueue: values.maxQueue,
      maxRequests: values.maxRequests,
      maxRequestsPerCaller: values.maxRequestsPerCaller,
      maxBytesInFlight: maxBytesInFlight(settings),
      maxJsonValues: values.maxJsonValues,
      maxConnections: values.maxConnections,
      maxConnectionsPerAddress: values.maxConnectionsPerAddress,
      requestTimeoutMs: values.requestTimeout,
      uploadTimeoutMs: values.uploadTimeout,
    },
    metrics: metricsConfig(settings),
    tracing: tracingConfig(settings),
    drainDelayMs: values.drainDelay === 0 ? undefined : values.drainDelay,
    drainTimeoutMs: values.drainTimeout,
    replayWindowMs: values.replayWindow,
    requestDate: values.date === 'optional' ? values.date : undefined,
    publicNames: values.publicName.length === 0 ? undefined : values.publicName,
    streams: {
      intervalMs: values.streamInterval,
      paddingBytes: values.streamPadding,
      idleTimeoutMs: values.streamIdleTimeout,
    },
    rateLimit: rateLimit(settings),
    quotas: quotas(settings),
    rateCoolDownMs: values.rateCooldown,
    policy: file?.policy,
    requests: file?.requests,
    logLevel: values.logLevel,
    logFormat: values.logFormat === 'auto' ? undefined : values.logFormat,
    sources: file?.sources,
    logModels: values.logModel === 'off' ? false : undefined,
  }
}

/**
 * Checks the settings that locate the server keys.
 *
 * @throws UsageError
 */
export function keyLocation(settings: KeySettings): ServerKeyLocation {
  const { keyDir, redis, sharedKeys } = settings.values
  const keys = keyPassword(settings)
  if (sharedKeys) {
    if (keyDir !== undefined) {
      throw settings.mistake('sharedKeys', 'stores the keys in Redis: remove --key-dir')
    }
    if (redis === undefined) throw settings.mistake('sharedKeys', 'needs --redis URL')
    if (Object.keys(keys).length === 0) {
      throw settings.mistake(
        'sharedKeys',
        'needs a password that encrypts the keys: set --key-password-file FILE',
      )
    }
  }
  return {
    keyDir,
    sharedKeys: sharedKeys ? true : undefined,
    redis: redis === undefined ? undefined : { url: redis },
    keys,
  }
}

function keyPassword(settings: KeySettings): KeyConfig {
  const { keyPassword: password, keyPasswordFile: passwordFile } = settings.values
  if (passwordFile !== undefined && password !== undefined) {
    throw settings.mistake('keyPasswordFile', 'and NOMYO_KEY_PASSWORD cannot be combined')
  }
  if (passwordFile !== undefined) return { passwordFile }
  return password === undefined ? {} : { password }
}

function keyConfig(settings: GatewaySettings): KeyConfig {
  const { keyDir, sharedKeys, keyRotation, keyOverlap, keyLead, requestKeys, identityOverlap } =
    settings.values
  const password = keyPassword(settings)
  const isUsed = keyDir !== undefined || sharedKeys || requestKeys === 'redis'
  if (!isUsed && Object.keys(password).length > 0) {
    throw new UsageError('a key password needs --key-dir DIR, or --shared-keys')
  }
  // Only two keys decrypt at the same time.
  if (keyRotation !== undefined && keyRotation <= keyOverlap) {
    throw settings.mistake('keyRotation', 'must be longer than --key-overlap')
  }
  return {
    ...password,
    rotationMs: keyRotation,
    overlapMs: keyOverlap,
    leadMs: keyLead,
    identityOverlapMs: identityOverlap,
  }
}

function requestKeyConfig(settings: GatewaySettings): RequestKeyConfig {
  const { requestKeys: place, requestKeyRotation, requestKeyClassic: classic } = settings.values
  if (place === 'redis') {
    if (settings.values.redis === undefined) {
      throw settings.mistake('requestKeys', 'redis needs --redis URL')
    }
    if (Object.keys(keyPassword(settings)).length === 0) {
      throw settings.mistake(
        'requestKeys',
        'redis needs a password that encrypts the keys: set --key-password-file FILE',
      )
    }
  }
  if (place === 'off' && classic) {
    throw settings.mistake('requestKeyClassic', 'needs --request-keys memory or redis')
  }
  return { place, rotationMs: requestKeyRotation, classic: classic ? true : undefined }
}

function minWire(settings: GatewaySettings): '1.0' | '2' {
  const { minWire: version, requestKeys, redis } = settings.values
  if (version === '1.0') return version
  const place = requestKeys ?? (redis === undefined ? 'memory' : 'off')
  if (place !== 'off') return '2'
  throw settings.mistake('minWire', '2 needs wire 2: set --request-keys memory or redis')
}

/** Options of a model in this process, beside its own. */
const MODEL_OPTIONS = [
  'modelSha256',
  'modelCache',
  'modelName',
  'modelContext',
  'modelParallel',
  'modelQueue',
  'modelThreads',
  'modelLibrary',
] as const

/** Reads the model that runs in this process; undefined where there is none. */
function embeddedModel(settings: GatewaySettings): GatewayConfig['engine'] | undefined {
  const { values, file } = settings
  const { model, engine } = values
  if (model === undefined) {
    const lost = MODEL_OPTIONS.find((name) => settings.given(name))
    if (lost === undefined || engine === 'demo') return undefined
    throw settings.mistake(lost, 'needs --model FILE')
  }
  if (engine !== undefined) throw settings.mistake('engine', 'and --model cannot be combined')
  if (values.upstream.length > 0 || file?.upstreams !== undefined) {
    throw settings.mistake(
      'model',
      'runs in this process and cannot be combined with model servers',
    )
  }
  return {
    kind: 'model',
    model,
    sha256: values.modelSha256,
    cacheFolder: values.modelCache,
    names: values.modelName.length === 0 ? undefined : values.modelName,
    libraryFolder: values.modelLibrary,
    contextTokens: values.modelContext,
    parallel: values.modelParallel,
    maxWaiting: values.modelQueue,
    threads: values.modelThreads,
  }
}

function engineConfig(settings: GatewaySettings): GatewayConfig['engine'] {
  const embedded = embeddedModel(settings)
  if (embedded !== undefined) return embedded
  const { engine, upstream: urls, upstreamKey: apiKey, upstreamCa: caFile } = settings.values
  const { healthPath } = settings.values
  const named = urls.length > 0 ? undefined : settings.file?.upstreams
  if (engine === 'demo') {
    if (urls.length === 0 && named === undefined) return { kind: 'demo' }
    throw settings.mistake('engine', 'demo uses no model server: remove --upstream')
  }
  const health = {
    intervalMs: 1000 * settings.values.healthInterval,
    unhealthyAfter: settings.values.unhealthyAfter,
  }
  if (named !== undefined) {
    if (apiKey !== undefined) {
      throw settings.mistake(
        'upstreamKey',
        'applies to --upstream only: in the config file, set apiKey of each upstream',
      )
    }
    if (caFile !== undefined) {
      throw settings.mistake(
        'upstreamCa',
        'applies to --upstream only: in the config file, set caFile of each upstream',
      )
    }
    if (healthPath !== undefined) {
      throw settings.mistake(
        'healthPath',
        'applies to --upstream only: in the config file, set healthPath of each upstream',
      )
    }
    return { kind: 'upstreams', upstreams: named, health }
  }
  const [baseUrl] = urls
  if (baseUrl === undefined) {
    throw engine === undefined
      ? new UsageError(
          'set --upstream URL for a model server, --model FILE for a model in this process, or --engine demo ' +
            'for a trial without a model',
        )
      : settings.mistake('engine', 'openai needs --upstream URL')
  }
  if (caFile !== undefined && !urls.some((url) => url.startsWith('https:'))) {
    throw settings.mistake('upstreamCa', 'needs an --upstream with https://')
  }
  if (urls.length === 1) return { kind: 'openai', baseUrl, apiKey, caFile, healthPath }
  const upstreams = urls.map((url, at) => ({
    name: `upstream-${String(at + 1)}`,
    url,
    apiKey,
    caFile,
    healthPath,
  }))
  return { kind: 'upstreams', upstreams, health }
}

function tlsConfig(settings: GatewaySettings): TlsConfig | undefined {
  const { tlsCert: certFile, tlsKey: keyFile } = settings.values
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile }
  if (certFile !== undefined) throw settings.mistake('tlsCert', 'needs --tls-key FILE')
  if (keyFile !== undefined) throw settings.mistake('tlsKey', 'needs --tls-cert FILE')
  return undefined
}

function maxBytesInFlight(settings: GatewaySettings): number | undefined {
  const { maxBytesInFlight: bytes, maxBody } = settings.values
  if (bytes === undefined || bytes >= 2 * maxBody) return bytes
  throw settings.mistake('maxBytesInFlight', 'must be at least twice --max-body')
}

function web(settings: GatewaySettings, tls: TlsConfig | undefined): boolean {
  const { web: enabled, host } = settings.values
  if (!enabled || isLoopback(host) || tls !== undefined) return enabled
  throw settings.mistake(
    'web',
    'needs --host 127.0.0.1, or --tls-cert and --tls-key: browsers provide cryptography to pages of ' +
      'https and localhost only',
  )
}

function corsOrigins(settings: GatewaySettings): readonly string[] {
  const { corsOrigin } = settings.values
  if (!corsOrigin.includes('*') || corsOrigin.length === 1) return corsOrigin
  throw settings.mistake('corsOrigin', 'allows every origin with *: remove the others')
}

function tpmConfig(settings: GatewaySettings): TpmConfig | undefined {
  const { tpm: address, pcrs, tpmAk: ak, tpmRequired: required } = settings.values
  if (address !== 'none') return { address, pcrs, ak, required }
  // An operator who sets these expects attestation.
  for (const name of ['pcrs', 'tpmAk', 'tpmRequired'] as const) {
    if (name === 'tpmRequired' ? required : settings.given(name)) {
      throw settings.mistake(name, 'needs a TPM: set --tpm ADDRESS')
    }
  }
  return undefined
}

function metricsConfig(settings: GatewaySettings): GatewayConfig['metrics'] {
  const { metricsHost: host, metricsPort: port } = settings.values
  if (port !== undefined) return { host, port }
  if (!settings.given('metricsHost')) return undefined
  throw settings.mistake('metricsHost', 'needs --metrics-port PORT')
}

function tracingConfig(settings: GatewaySettings): TracingConfig | undefined {
  const { otlpEndpoint, otlpTracesEndpoint, otlpProtocol, otelSdkDisabled } = settings.values
  if (otelSdkDisabled?.toLowerCase() === 'true') return undefined
  const base = otlpEndpoint?.replace(/\/*$/, '/v1/traces')
  // The more specific variable wins over the other, and a flag over both.
  const isFlag = settings.source('otlpEndpoint')?.kind === 'flag'
  const endpoint = isFlag ? base : (otlpTracesEndpoint ?? base)
  if (endpoint === undefined) return undefined
  if (otlpProtocol === undefined || otlpProtocol === 'http/protobuf') return { endpoint }
  throw settings.mistake('otlpProtocol', 'must be http/protobuf, usually on port 4318')
}

function redisConfig(settings: GatewaySettings): GatewayConfig['redis'] {
  const { redis: url, redisFailure: failure } = settings.values
  if (url !== undefined) return { url, failure: failure ?? DEFAULT_REDIS_FAILURE }
  if (failure === undefined) return undefined
  throw settings.mistake('redisFailure', 'needs --redis URL')
}

function quotas(settings: GatewaySettings): Quotas | undefined {
  const { quotaRequests: requests, quotaTokens: tokens, apiKey, keysFile } = settings.values
  if (requests === 'off' && tokens === 'off') return undefined
  // Addresses are cheap: a quota of each would limit nothing.
  if (apiKey.length === 0 && keysFile === undefined) {
    const name = requests === 'off' ? 'quotaTokens' : 'quotaRequests'
    throw settings.mistake(name, 'needs API keys: set --keys-file or --api-key')
  }
  return { requests, tokens }
}

function rateLimit(settings: GatewaySettings): GatewayConfig['rateLimit'] {
  const { rateLimit: given, rateBurst } = settings.values
  const perSecond = given ?? (isForThisMachine(settings) ? 'off' : DEFAULT_RATE)
  if (perSecond === 'off') {
    if (rateBurst === undefined) return undefined
    throw settings.mistake('rateBurst', 'needs a --rate-limit N/s')
  }
  const burst = rateBurst ?? 2 * perSecond
  if (burst >= perSecond) return { perSecond, burst }
  throw settings.mistake('rateBurst', 'must not be less than --rate-limit')
}

/** Checks for a gateway whose callers are programs of this machine, all of one user or trusted by it. */
function isForThisMachine({ values }: GatewaySettings): boolean {
  const { host, apiKey, keysFile, trustProxy } = values
  return (
    isLoopback(host) && apiKey.length === 0 && keysFile === undefined && trustProxy.length === 0
  )
}
