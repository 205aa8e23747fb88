import { isIP } from 'node:net'
import {
  OptionProblem,
  byteSize,
  defineOptions,
  duration,
  matching,
  parseDuration,
  parsedBy,
  portNumber,
  visibleAscii,
  webOrigin,
  wholeNumber,
  type OptionDefinitions,
} from '@nomyo-internal/command-line'
import { LOG_FORMATS, LOG_LEVELS } from '@nomyo-internal/http-server'
import { parsePcrSelection } from '@nomyo/attest'
import { createTpmTransport } from '@nomyo/tpm'
import { QUOTA_FORM, parseQuota } from '../access/quota/quota.js'
import { API_KEY_DESCRIPTION, API_KEY_FORM } from '../access/api-keys/api-key.js'
import { parseRate } from '../access/rate/rate-limit.js'
import { parseRedisFailure } from '../redis/failure-mode.js'
import { parseRedisUrl } from '../redis/url.js'
import {
  MODEL_LOCATION_FORM,
  parseModelLocation,
} from '../upstreams/embedded/file/model-location.js'
import type { TpmConfig } from './config.js'

const MAX_COUNT = 999_999

const otlpUrl = parsedBy(
  (text) => (isUpstreamUrl(text) ? new URL(text).href : undefined),
  'must be a URL such as http://127.0.0.1:4318',
)

/** Options of a start, from which flags, variables, members of the config file, help and reference follow. */
export const OPTIONS = defineOptions(
  {
    ...inGroup('Configuration', {
      config: {
        value: 'FILE',
        summary: 'YAML or JSON file with these settings and more',
        isPath: true,
        member: false,
      },
      printConfig: {
        summary: 'print the settings in effect, without secrets, and exit',
        member: false,
      },
    }),
    ...inGroup('Listening', {
      host: { value: 'HOST', summary: 'address to listen on', default: '127.0.0.1' },
      port: {
        value: 'PORT',
        summary: 'port to listen on; 0 for any free port',
        default: '12435',
        parse: portNumber,
      },
      tlsCert: {
        value: 'FILE',
        summary: 'certificate chain (PEM): serve HTTPS instead of HTTP',
        isPath: true,
      },
      tlsKey: { value: 'FILE', summary: 'private key of the certificate (PEM)', isPath: true },
      trustProxy: {
        value: 'ADDRESSES',
        summary:
          'proxies whose X-Forwarded-For is trusted: addresses, networks such as 10.0.0.0/8, or loopback',
        repeatable: true,
        parse: parseProxies,
      },
      knownRelay: {
        value: 'ADDRESSES',
        summary: 'addresses of relays, which carry many clients: exempt from limits per address',
        defaultSummary: 'none',
        repeatable: true,
        parse: parseRelays,
      },
      corsOrigin: {
        value: 'ORIGIN',
        summary: 'origin of web pages that may call, such as https://app.example; * for all',
        defaultSummary: 'its own origin only',
        repeatable: true,
        parse: (text) => (text.trim() === '*' ? '*' : webOrigin(text.trim())),
      },
      publicName: {
        value: 'NAME',
        summary: 'host, or host:port, that requests of wire 2 must be addressed to',
        defaultSummary: 'any',
        repeatable: true,
        parse: matching(
          /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i,
          'must be a host such as gateway.example, or host:port',
        ),
      },
      web: { summary: 'serve a chat page at GET /, on loopback or with TLS only' },
    }),
    ...inGroup('Model servers', {
      engine: {
        value: 'ENGINE',
        summary: 'openai (forward to --upstream) or demo (offline stand-in, no model)',
        choices: ['openai', 'demo'],
        defaultSummary: 'openai with --upstream',
      },
      upstream: {
        value: 'URL',
        summary: 'OpenAI-compatible server, such as http://127.0.0.1:11434/v1',
        repeatable: true,
        parse: parsedBy(
          (text) => (isUpstreamUrl(text) ? new URL(text).href : undefined),
          'must be a URL such as http://127.0.0.1:11434/v1',
        ),
      },
      upstreamKey: {
        value: 'KEY',
        summary: 'bearer token for every --upstream',
        secret: true,
        parse: visibleAscii,
      },
      upstreamCa: {
        value: 'FILE',
        summary: 'CA certificates (PEM) that are trusted for every --upstream',
        defaultSummary: 'CAs built into Node',
        isPath: true,
      },
      healthPath: {
        value: 'PATH',
        summary: 'path of the health check of every --upstream, such as /health',
        defaultSummary: 'models, below the URL',
        parse: parsedBy(
          (text) => (isHealthPath(text) ? text : undefined),
          'must be a path such as /health, or models below the URL',
        ),
      },
      healthInterval: {
        value: 'SECONDS',
        summary: 'interval between health checks of each upstream',
        default: '10',
        parse: wholeNumber(1, 3600),
      },
      unhealthyAfter: {
        value: 'COUNT',
        summary: 'consecutive failures that take an upstream out of rotation',
        default: '3',
        parse: wholeNumber(1, 100),
      },
    }),
    ...inGroup('Model in this process', {
      model: {
        value: 'FILE',
        summary:
          'GGUF model to run in this process: a path, hf:USER/REPOSITORY:QUANTIZATION or an https:// URL',
        defaultSummary: 'none',
        isPath: true,
        parse: parsedBy((text) => parseModelLocation(text) && text, MODEL_LOCATION_FORM),
      },
      modelSha256: {
        value: 'HASH',
        summary: 'expected SHA-256 of the model file',
        defaultSummary: 'not checked',
        parse: matching(/^[\da-f]{64}$/i, 'must be 64 hexadecimal digits'),
      },
      modelCache: {
        value: 'DIR',
        summary: 'folder for downloaded models, created if missing',
        defaultSummary: '~/.cache/nomyo/models',
        isPath: true,
      },
      modelName: {
        value: 'NAME',
        summary: 'name of the model in requests; GET /v1/models lists the first one',
        defaultSummary: 'name of the file',
        repeatable: true,
        parse: matching(/^[\x21-\x7e]{1,256}$/, 'must be of visible ASCII characters'),
      },
      modelContext: {
        value: 'TOKENS',
        summary: 'longest conversation, including the answer',
        defaultSummary: 'context of the model, at most 8192',
        parse: wholeNumber(256, 1_048_576),
      },
      modelParallel: {
        value: 'COUNT',
        summary: 'answers generated at the same time, each with its own context',
        defaultSummary: '2',
        parse: wholeNumber(1, 64),
      },
      modelQueue: {
        value: 'COUNT',
        summary: 'requests that wait for the model; more are refused with 503',
        defaultSummary: '32',
        parse: wholeNumber(0, 10_000),
      },
      modelThreads: {
        value: 'COUNT',
        summary: 'threads that compute the model',
        defaultSummary: 'one per fast core',
        parse: wholeNumber(1, 1024),
      },
      modelLibrary: {
        value: 'DIR',
        summary: 'folder whose node_modules contains node-llama-cpp',
        defaultSummary: 'folder of the gateway',
        isPath: true,
      },
    }),
    ...inGroup('Callers', {
      apiKey: {
        value: 'KEY',
        summary: 'bearer token that callers must send',
        defaultSummary: 'none: open to all, with a warning',
        repeatable: true,
        secret: true,
        parse: matching(
          API_KEY_FORM,
          `must be ${API_KEY_DESCRIPTION}; nomyo-gateway keys add creates one`,
        ),
      },
      keysFile: {
        value: 'FILE',
        summary: 'file of API keys, which `nomyo-gateway keys add` creates',
        isPath: true,
      },
      rateLimit: {
        value: 'N/s',
        summary: 'requests per API key (per address without API keys), or off',
        defaultSummary: '2/s; off on loopback without API keys and proxies',
        parse: parsedBy(
          (text) => (text === 'off' ? text : parseRate(text)),
          'must be a rate such as 2/s, up to 10000/s, or off',
        ),
      },
      rateBurst: {
        value: 'N',
        summary: 'requests allowed in one second of every ten',
        defaultSummary: 'twice the rate',
        parse: wholeNumber(1, 100_000),
      },
      rateCooldown: {
        value: 'TIME',
        summary: 'how long a caller is refused who ignores refusals for a minute; 0s for never',
        default: '60s',
        parse: duration('0s', '24h', '60s or 30m'),
      },
      quotaRequests: {
        value: 'N/day',
        summary: 'encrypted requests per API key and day or month (UTC), such as 1000/day, or off',
        default: 'off',
        parse: parsedBy(parseQuota, QUOTA_FORM),
      },
      quotaTokens: {
        value: 'N/month',
        summary: 'tokens per API key and day or month (UTC), such as 1M/month, or off',
        default: 'off',
        parse: parsedBy(parseQuota, QUOTA_FORM),
      },
    }),
    ...inGroup('Server keys', {
      keyDir: {
        value: 'DIR',
        summary: 'folder of the server keys (private_key.pem, public_key.pem), created if missing',
        defaultSummary: 'a new key at each start',
        isPath: true,
      },
      keyPassword: {
        value: 'PASSWORD',
        summary: 'password of the key files, instead of --key-password-file',
        secret: true,
        parse: parsedBy((text) => (text.trim() === '' ? undefined : text), 'must not be blank'),
        flag: false,
        member: false,
      },
      keyPasswordFile: {
        value: 'FILE',
        summary: 'file with the password of the key files',
        isPath: true,
      },
      sharedKeys: {
        summary: 'share server keys through --redis, encrypted with the key password',
      },
      keyRotation: {
        value: 'TIME',
        summary: 'age at which the next server key is created, such as 30d',
        defaultSummary: 'no automatic rotation',
        parse: parsedBy(parseDuration, 'must be a time such as 30d, 24h or 15m'),
      },
      keyOverlap: {
        value: 'TIME',
        summary: 'time for which the previous server key still decrypts',
        default: '24h',
        parse: parsedBy(parseDuration, 'must be a time such as 30d, 24h or 15m'),
      },
      keyLead: {
        value: 'TIME',
        summary: 'time for which a new server key decrypts before it is published',
        default: '6s',
        parse: duration('1s', '10m', '6s'),
      },
    }),
    ...inGroup('Wire 2', {
      requestKeys: {
        value: 'PLACE',
        summary:
          'where request keys are: memory, redis (shared, encrypted with the key password), or off (no wire 2)',
        choices: ['memory', 'redis', 'off'],
        defaultSummary: 'memory; off with --redis',
      },
      requestKeyRotation: {
        value: 'TIME',
        summary: 'time after which new request keys are published',
        default: '1h',
        parse: duration('10m', '24h', '1h'),
      },
      requestKeyClassic: {
        summary: 'also publish an X25519 key, for clients of other projects (not post-quantum)',
      },
      identityOverlap: {
        value: 'TIME',
        summary: 'time for which the previous identity key still signs',
        default: '30d',
        parse: duration('1s', '365d', '30d'),
      },
      minWire: {
        value: 'VERSION',
        summary: 'oldest wire to serve: 1.0, or 2, which refuses wire 1 with 426',
        default: '1.0',
        parse: parsedBy(parseWire, 'must be 1.0 or 2'),
      },
    }),
    ...inGroup('Streams', {
      streamInterval: {
        value: 'MS',
        summary:
          'milliseconds in which events are gathered into one encrypted chunk; 0 sends each at once',
        default: '50',
        parse: wholeNumber(0, 500),
      },
      streamPadding: {
        value: 'BYTES',
        summary: 'multiple to which chunks of events are padded; 0 for no padding',
        default: '512',
        parse: wholeNumber(0, 16_384),
      },
      streamIdleTimeout: {
        value: 'TIME',
        summary: 'longest silence of a model server within a stream',
        default: '5m',
        parse: duration('1s', '1h', '30s or 5m'),
      },
    }),
    ...inGroup('Attestation', {
      tpm: {
        value: 'ADDRESS',
        summary: 'TPM: device (/dev/tpmrm0), unix:///path, tcp://127.0.0.1:2321 or none',
        default: 'none',
        parse: parsedBy((text) => {
          // Connects to nothing.
          if (text !== 'none') createTpmTransport(text)
          return text
        }, 'must be device, a path below /dev/, unix:///path/of/socket, tcp://127.0.0.1:2321 or none'),
      },
      pcrs: {
        value: 'LIST',
        summary: 'registers (PCRs) that the TPM quotes',
        default: 'sha256:0,7,10',
        parse: parsedBy((text) => {
          parsePcrSelection(text)
          return text
        }, 'must be a list such as sha256:0,7,10 or sha256:0+sha384:0'),
      },
      tpmAk: {
        value: 'KEY',
        summary: 'attestation key: persistent, a handle such as 0x81010002, or ephemeral',
        default: 'persistent',
        parse: parsedBy(
          parseAttestationKey,
          'must be persistent, a handle from 0x81000000 to 0x817fffff, or ephemeral',
        ),
      },
      tpmRequired: { summary: 'refuse to start, and to answer, without a quote' },
    }),
    ...inGroup('Replicas', {
      redis: {
        value: 'URL',
        summary:
          'state shared by several gateways: redis://, redis+cluster://, redis+sentinel://; rediss… for TLS',
        defaultSummary: 'state of this gateway alone',
        secret: true,
        parse: parsedBy(
          (text) => parseRedisUrl(text) && text,
          'must be a URL such as redis://HOST:6379, redis+cluster://HOST,HOST or redis+sentinel://HOST,HOST/MASTER',
        ),
      },
      redisFailure: {
        value: 'MODE',
        summary:
          'while Redis fails: closed (refuse), degrade (continue without), or one for each use',
        defaultSummary: 'replay=closed,rate=degrade',
        parse: parsedBy(
          parseRedisFailure,
          'must be closed, degrade, or both as in replay=closed,rate=degrade',
        ),
      },
    }),
    ...inGroup('Limits', {
      replayWindow: {
        value: 'TIME',
        summary: 'time for which a repeated request of wire 1 is refused',
        default: '10m',
        parse: duration('1s', '30d', '90s, 10m or 24h'),
      },
      date: {
        value: 'WHEN',
        summary:
          'date in requests of wire 2: required, or optional (replays are remembered longer)',
        choices: ['required', 'optional'],
        default: 'required',
      },
      maxBody: {
        value: 'SIZE',
        summary: 'largest request, such as 16MiB or 500000',
        default: '16MiB',
        // From the smallest envelope to the most that fits in memory without harm.
        parse: byteSize('1KiB', '256MiB'),
      },
      maxUpload: {
        value: 'SIZE',
        summary: 'largest request with an audio file; above --max-body it is not held in memory',
        defaultSummary: '128MiB',
        parse: byteSize('1KiB', '4096MiB'),
      },
      maxOpens: {
        value: 'COUNT',
        summary: 'requests decrypted at the same time, for each wire',
        defaultSummary: 'cores + 3; 16 of wire 2',
        parse: wholeNumber(1, MAX_COUNT),
      },
      maxQueue: {
        value: 'COUNT',
        summary: 'requests that wait for decryption, for each wire',
        default: '64',
        parse: wholeNumber(0, MAX_COUNT),
      },
      maxRequests: {
        value: 'COUNT',
        summary: 'encrypted requests in flight; one caller takes at most as many as stay free',
        default: '512',
        parse: wholeNumber(1, MAX_COUNT),
      },
      maxRequestsPerCaller: {
        value: 'COUNT',
        summary: 'encrypted requests in flight of one caller',
        defaultSummary: 'as many as stay free',
        parse: wholeNumber(1, MAX_COUNT),
      },
      maxBytesInFlight: {
        value: 'SIZE',
        summary:
          'memory for requests and answers in flight; one caller takes at most as much as stays free',
        defaultSummary: '256MiB, or 7 times --max-body',
        parse: byteSize('256KiB', '65536MiB'),
      },
      maxJsonValues: {
        value: 'COUNT',
        summary: 'JSON values in a request, at all levels',
        default: '250000',
        parse: wholeNumber(100, 100_000_000),
      },
      maxConnections: {
        value: 'COUNT',
        summary: 'concurrent connections',
        default: '4096',
        parse: wholeNumber(1, MAX_COUNT),
      },
      maxConnectionsPerAddress: {
        value: 'COUNT',
        summary: 'connections of one address (IPv6: a /64), unless --trust-proxy is set',
        defaultSummary: 'half of all',
        parse: wholeNumber(1, MAX_COUNT),
      },
      requestTimeout: {
        value: 'TIME',
        summary: 'time for a request to arrive (its headers: 20s), and for its answer to be read',
        defaultSummary: '2m',
        parse: duration('1s', '1h', '30s or 2m'),
      },
      uploadTimeout: {
        value: 'TIME',
        summary: 'time for a request above --max-body to arrive; 30s of silence end it, too',
        defaultSummary: '15m',
        parse: duration('1s', '24h', '90s, 15m or 1h'),
      },
      acceptLegacyTag: {
        summary: 'also serve nomyo-js 0.1, which puts the tag after the ciphertext',
      },
    }),
    ...inGroup('Operation', {
      metricsPort: {
        value: 'PORT',
        summary: 'port of GET /metrics; 0 for any free port',
        defaultSummary: 'no metrics',
        parse: portNumber,
      },
      metricsHost: { value: 'HOST', summary: 'address of GET /metrics', default: '127.0.0.1' },
      otlpEndpoint: {
        value: 'URL',
        summary:
          'OpenTelemetry receiver for traces, such as http://127.0.0.1:4318; /v1/traces is appended',
        variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
        emptyIsUnset: true,
        defaultSummary: 'no traces',
        parse: otlpUrl,
      },
      otlpTracesEndpoint: {
        value: 'URL',
        summary: 'the same, with the whole path',
        variable: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
        emptyIsUnset: true,
        flag: false,
        member: false,
        parse: otlpUrl,
      },
      otlpProtocol: {
        value: 'PROTOCOL',
        summary: 'protocol of the receiver: http/protobuf only',
        variable: 'OTEL_EXPORTER_OTLP_PROTOCOL',
        emptyIsUnset: true,
        flag: false,
        member: false,
      },
      otelSdkDisabled: {
        value: 'BOOLEAN',
        summary: 'true turns traces off',
        variable: 'OTEL_SDK_DISABLED',
        emptyIsUnset: true,
        flag: false,
        member: false,
      },
      drainDelay: {
        value: 'TIME',
        summary: 'after SIGTERM: time in which requests are still accepted while /ready is 503',
        default: '0s',
        parse: duration('0s', '10m', '5s'),
      },
      drainTimeout: {
        value: 'TIME',
        summary:
          'after --drain-delay: time for requests in flight to finish; a second signal ends it',
        defaultSummary: '11m: a minute more than the longest answer of an upstream',
        parse: duration('1s', '2h', '30s or 11m'),
      },
      logLevel: {
        value: 'LEVEL',
        summary: 'lowest severity to log',
        choices: LOG_LEVELS,
        default: 'info',
      },
      logFormat: {
        value: 'FORMAT',
        summary: 'format of standard error: text, json, or auto (text on a terminal)',
        choices: LOG_FORMATS,
        default: 'auto',
      },
      logModel: {
        value: 'WHEN',
        summary: 'model names, which clients encrypt, in log and metrics: on or off',
        choices: ['on', 'off'],
        default: 'on',
      },
    }),
  },
  { prefix: 'NOMYO_', file: true },
)

/** Lists options under a heading of help and reference. */
function inGroup<const O extends OptionDefinitions>(group: string, options: O): O {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, { ...option, group }]),
  ) as O
}

/** YAML reads 1.0 as the number 1. */
function parseWire(text: string): '1.0' | '2' | undefined {
  if (['1', '1.0'].includes(text)) return '1.0'
  return ['2', '2.0'].includes(text) ? '2' : undefined
}

/** Checks for the base URL of a model server: paths are appended to it, and keys are set elsewhere. */
export function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  const isHttp = protocol === 'http:' || protocol === 'https:'
  return isHttp && [username, password, search, hash].every((part) => part === '')
}

/** Checks for a path on the same server: from its root, or below a base URL. */
export const isHealthPath = (text: string): boolean => /^\/?[\w.~%-]+(?:\/[\w.~%-]*)*$/.test(text)

/** Names of networks that are not routed from outside. */
const NETWORK_NAMES = ['loopback', 'linklocal', 'uniquelocal']

function parseProxies(text: string): readonly string[] {
  const proxies = text.split(',').map((address) => address.trim())
  if (proxies.every(isProxyAddress)) return proxies
  throw new OptionProblem('must be addresses or networks such as 192.0.2.1, 10.0.0.0/8 or loopback')
}

function parseRelays(text: string): readonly string[] {
  const relays = text.split(',').map((address) => address.trim())
  if (relays.every((relay) => isProxyAddress(relay) && !NETWORK_NAMES.includes(relay)))
    return relays
  throw new OptionProblem('must be addresses or networks such as 192.0.2.1 or 10.0.0.0/8')
}

/** Checks for an address, a network (`10.0.0.0/8`), or the name of one. */
function isProxyAddress(text: string): boolean {
  if (NETWORK_NAMES.includes(text)) return true
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  // A prefix of 0 would let every caller choose its own address.
  return (
    /^\d{1,3}$/.test(prefix) && Number(prefix) > 0 && Number(prefix) <= (version === 4 ? 32 : 128)
  )
}

function parseAttestationKey(text: string): TpmConfig['ak'] | undefined {
  if (text === 'persistent') return { mode: 'persistent' }
  if (text === 'ephemeral') return { mode: 'ephemeral' }
  // Handles that the owner of a TPM may assign (TPM 2.0 Library, Part 2, 7.5).
  const isHandle = /^0x81[0-7][\da-f]{5}$/i.test(text)
  return isHandle ? { mode: 'persistent', handle: Number(text) } : undefined
}
