import { parseArgs } from 'node:util'
import { parsePcrSelection } from '@nomyo/attest'
import { createTpmTransport } from '@nomyo/tpm'
import { printConfig } from './config-file/print.js'
import { readConfigFile, type ConfigFile } from './config-file/read.js'
import type { GatewayConfig, KeyConfig, LoadConfig, TlsConfig, TpmConfig } from './config.js'
import { readEngine } from './engine-options.js'
import { variableName, type Environment, type Flag } from './flag.js'
import { LOG_LEVELS } from './log.js'
import { parseDuration } from './parse-duration.js'
import { parseRateLimit, type RateLimit } from './rate-limit/rate-limit.js'
import { DEFAULT_REDIS_FAILURE, parseRedisFailure } from './redis/redis-failure.js'
import { isProxyAddress } from './trusted-proxies.js'
import { UsageError } from './usage-error.js'

export { UsageError, type Environment }

/** What the command line asks for. */
export type Command =
  | { kind: 'help' | 'print'; text: string }
  | { kind: 'start'; config: GatewayConfig }
  | { kind: KeyCommand; keyDir: string; keys: KeyConfig }

/** What is done with a key folder, also while a gateway uses it. */
export type KeyCommand = (typeof KEY_COMMANDS)[number]
const KEY_COMMANDS = ['rotate', 'fingerprint'] as const

const FLAGS = {
  config: {
    value: 'FILE',
    about: 'YAML or JSON file that says these and more',
    fileless: true,
  },
  'print-config': { about: 'the settings in effect, without keys, and no start', fileless: true },
  host: { value: 'HOST', about: 'address to listen on', fallback: '127.0.0.1' },
  port: { value: 'PORT', about: 'port to listen on, 0 for any free one', fallback: '12435' },
  engine: {
    value: 'ENGINE',
    about: 'openai (ask --upstream) or demo (offline stand-in, no model)',
  },
  upstream: {
    value: 'URL',
    about: 'OpenAI-compatible server, such as http://127.0.0.1:11434/v1; repeatable',
    list: true,
  },
  'upstream-key': {
    value: 'KEY',
    about: 'bearer token for the upstream, or all of them',
    secret: true,
  },
  'health-interval': {
    value: 'SECONDS',
    about: 'between looks at each of several upstreams',
    fallback: '10',
  },
  'unhealthy-after': {
    value: 'COUNT',
    about: 'failures in a row until an upstream is spared',
    fallback: '3',
  },
  'api-key': {
    value: 'KEY',
    about: 'bearer token callers need; may be given several times',
    list: true,
    secret: true,
  },
  'keys-file': { value: 'FILE', about: 'API keys, as `nomyo-gateway keys add` makes them' },
  'key-dir': {
    value: 'DIR',
    about: 'folder of private_key.pem and public_key.pem, made if missing',
  },
  'key-password-file': {
    value: 'FILE',
    about: 'password of the key files, or NOMYO_KEY_PASSWORD',
  },
  'key-rotation': { value: 'TIME', about: 'age at which the next key is made, such as 30d' },
  'key-overlap': {
    value: 'TIME',
    about: 'how long the key before still opens',
    fallback: '24h',
  },
  'max-body': {
    value: 'SIZE',
    about: 'largest request, such as 16MiB or 500000',
    fallback: '16MiB',
  },
  'cors-origin': {
    value: 'ORIGIN',
    about: 'web pages that may call, such as https://app.example; repeatable, * for all',
    list: true,
  },
  tpm: {
    value: 'ADDRESS',
    about: 'TPM: device (/dev/tpmrm0), unix:///path, tcp://127.0.0.1:2321 or none',
    fallback: 'none',
  },
  pcrs: { value: 'LIST', about: 'what the TPM quotes', fallback: 'sha256:0,7,10' },
  'tpm-ak': {
    value: 'KEY',
    about: 'persistent, a handle such as 0x81010002, or ephemeral',
    fallback: 'persistent',
  },
  'tpm-required': { about: 'no start and no answer without a quote' },
  'replay-window': {
    value: 'TIME',
    about: 'how long a request is remembered, and refused when it comes again',
    fallback: '10m',
  },
  'rate-limit': {
    value: 'N/s',
    about: 'requests of an API key (of an address, without keys), or off',
    fallback: '2/s',
  },
  'rate-burst': {
    value: 'N',
    about: 'requests in one second out of ten (default twice the rate)',
  },
  redis: {
    value: 'URL',
    about: 'redis:// or rediss://, where gateways share replays and rates',
    secret: true,
  },
  'redis-failure': {
    value: 'WHAT',
    about: 'without Redis: closed, degrade, or for each (default replay=closed,rate=degrade)',
  },
  'tls-cert': { value: 'FILE', about: 'certificate chain as PEM: HTTPS instead of HTTP' },
  'tls-key': { value: 'FILE', about: 'its private key as PEM' },
  'trust-proxy': {
    list: true,
    value: 'ADDRESSES',
    about: 'proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; repeatable',
  },
  'max-opens': {
    value: 'COUNT',
    about: 'requests opened at the same time (default: one for each core, at most 4)',
  },
  'max-queue': { value: 'COUNT', about: 'requests that wait to be opened', fallback: '64' },
  'max-requests': { value: 'COUNT', about: 'sealed requests in flight', fallback: '512' },
  'max-connections': { value: 'COUNT', about: 'connections at a time', fallback: '4096' },
  'metrics-port': { value: 'PORT', about: 'port of GET /metrics, 0 for any free one' },
  'metrics-host': {
    value: 'HOST',
    about: 'address of GET /metrics',
    fallback: '127.0.0.1',
  },
  'drain-delay': {
    value: 'TIME',
    about: 'after a signal, how long requests are still taken with /ready saying no',
    fallback: '0s',
  },
  'log-level': { value: 'LEVEL', about: LOG_LEVELS.join(', '), fallback: 'info' },
} as const satisfies Record<string, Flag>

type FlagName = keyof typeof FLAGS

/**
 * Reads the command line, the environment and the config file; flags win over variables, variables
 * over the file, the file over defaults.
 *
 * @throws UsageError
 */
export function readOptions(args: readonly string[], variables: Environment): Command {
  const keyCommand = KEY_COMMANDS.find((name) => name === args[0])
  const values = parseFlags(keyCommand === undefined ? args : args.slice(1))
  if (values['help'] === true) return { kind: 'help', text: helpText() }
  const file = readFile(values, variables)
  try {
    return readSettings(
      values,
      { ...file?.variables, ...withoutEmpty(variables) },
      file,
      keyCommand,
    )
  } catch (error) {
    throw error instanceof UsageError ? inFile(error, values, variables, file) : error
  }
}

function readFile(values: FlagValues, variables: Environment): ConfigFile | undefined {
  const path = listOf(values['config'], undefined).at(-1) ?? variables['NOMYO_CONFIG'] ?? ''
  if (path === '') return undefined
  const file = readConfigFile(path, FLAGS, variables)
  const engine = listOf(values['engine'], undefined).at(-1) ?? variables['NOMYO_ENGINE']
  // To try a file without its model servers.
  return engine === 'demo'
    ? { ...file, upstreams: undefined, variables: { ...file.variables, NOMYO_UPSTREAM: '' } }
    : file
}

/** A mistake is told where it was made. */
function inFile(
  error: UsageError,
  values: FlagValues,
  variables: Environment,
  file: ConfigFile | undefined,
): UsageError {
  const [spelling = '', name = ''] = /^(?:--|NOMYO_)([a-zA-Z_-]+)/.exec(error.message) ?? []
  const flag = name.toLowerCase().replaceAll('_', '-')
  const variable = variableName(flag)
  const elsewhere = values[flag] !== undefined || (variables[variable] ?? '') !== ''
  if (elsewhere || file?.variables[variable] === undefined) return error
  return file.mistake(flag, error.message.slice(spelling.length).replace(/\.$/, ''))
}

const withoutEmpty = (variables: Environment): Environment =>
  Object.fromEntries(Object.entries(variables).filter(([, text]) => text !== ''))

function readSettings(
  values: FlagValues,
  environment: Environment,
  file: ConfigFile | undefined,
  keyCommand: KeyCommand | undefined,
): Command {
  const readGiven = (name: FlagName): string | undefined => {
    const given = values[name]
    const last = Array.isArray(given) ? given.at(-1) : given
    const text = last === undefined ? environment[variableName(name)] : String(last)
    return text === '' ? undefined : text
  }
  const read = (name: FlagName): string | undefined => {
    const flag = FLAGS[name]
    return readGiven(name) ?? ('fallback' in flag ? flag.fallback : undefined)
  }
  if (keyCommand !== undefined) {
    return { kind: keyCommand, ...readKeyCommand(values, read, environment) }
  }
  const config: GatewayConfig = {
    host: read('host') ?? '',
    port: readPort('port', read('port') ?? ''),
    engine: readEngine(read('engine'), {
      urls: listOf(values['upstream'], environment['NOMYO_UPSTREAM']),
      apiKey: read('upstream-key'),
      fromFile: file?.upstreams,
      health: {
        intervalMs: 1000 * readWhole('health-interval', read('health-interval'), 3600),
        unhealthyAfter: readWhole('unhealthy-after', read('unhealthy-after'), 100),
      },
    }),
    apiKeys: readApiKeys(values['api-key'], environment),
    keysFile: read('keys-file'),
    keyDir: read('key-dir'),
    keys: readKeys(read, environment),
    maxBodyBytes: readSize(read('max-body') ?? ''),
    corsOrigins: readCorsOrigins(values['cors-origin'], environment),
    tpm: readTpm(read, readGiven),
    tls: readTls(read),
    trustedProxies: readProxies(values['trust-proxy'], environment),
    load: readLoad(read),
    metrics: readMetrics(read, readGiven),
    drainDelayMs: readDrainDelay(read('drain-delay') ?? ''),
    replayWindowMs: readReplayWindow(read('replay-window') ?? ''),
    rateLimit: readRateLimit(read('rate-limit') ?? '', read('rate-burst')),
    redis: readRedis(read('redis'), read('redis-failure')),
    policy: file?.policy,
    logLevel: readLogLevel(read('log-level') ?? ''),
  }
  if (!readSwitch('print-config', readGiven('print-config'))) return { kind: 'start', config }
  const valuesOf = (name: string): readonly string[] => {
    const isList = (FLAGS as Record<string, Flag>)[name]?.list === true
    if (isList) return listOf(values[name], environment[variableName(name)])
    // Without what they belong to these are a mistake.
    if (config.tpm === undefined && (name === 'pcrs' || name === 'tpm-ak')) return []
    if (config.metrics === undefined && name === 'metrics-host') return []
    const text = read(name as FlagName)
    return text === undefined ? [] : [text]
  }
  return { kind: 'print', text: printConfig(FLAGS, valuesOf, config) }
}

/** The text behind `--help`. */
export function helpText(): string {
  const rows = Object.entries(FLAGS).map(([name, flag]) => {
    const fallback = 'fallback' in flag ? ` (default ${flag.fallback})` : ''
    const usage = 'value' in flag ? `--${name} ${flag.value}` : `--${name}`
    return `  ${usage.padEnd(20)}  ${flag.about}${fallback}`
  })
  return [
    'nomyo-gateway: opens sealed chat requests, asks a model server, seals the answers.',
    '',
    'Usage',
    '  nomyo-gateway --upstream http://127.0.0.1:11434/v1 --key-dir ./keys',
    '  nomyo-gateway --engine demo',
    '  nomyo-gateway keys add | list | revoke NAME   (API keys in a file; see keys --help)',
    '  nomyo-gateway rotate --key-dir ./keys        makes the next key; running gateways take it up',
    '  nomyo-gateway fingerprint --key-dir ./keys   prints what clients can pin',
    '',
    'Options',
    ...rows,
    `  ${'--help'.padEnd(20)}  this text`,
    '',
    'Every option can also be set in the environment: NOMYO_PORT for --port and so on. NOMYO_API_KEY,',
    'NOMYO_UPSTREAM, NOMYO_CORS_ORIGIN and NOMYO_TRUST_PROXY take several values, separated by commas. Give',
    'keys that way, or in a file: command lines can be seen by other users of the machine. The file of',
    '--config has members such as keyDir for --key-dir; what is given here or in the environment wins.',
    '',
  ].join('\n')
}

type FlagValues = Record<string, string | boolean | (string | boolean)[] | undefined>

function parseFlags(args: readonly string[]): FlagValues {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, flag]) => [
      name,
      { type: 'value' in flag ? ('string' as const) : ('boolean' as const), multiple: true },
    ]),
  )
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: false,
    }).values
  } catch (error) {
    // Only the name of a flag is repeated, never a value, which may be a key.
    const unknown = args
      .find((arg, at) => arg.startsWith('-') && !isFlag(arg) && !takesValue(args[at - 1]))
      ?.split('=')[0]
    if (unknown !== undefined)
      throw new UsageError(`unknown option ${unknown}.${suggestion(unknown)}`)
    const lacking = error instanceof Error ? /'--([a-z-]+)/.exec(error.message)?.[1] : undefined
    if (lacking !== undefined && !takesValue(`--${lacking}`)) {
      throw new UsageError(`--${lacking} takes no value.`)
    }
    throw new UsageError(
      lacking === undefined
        ? 'only options are taken, no other arguments.'
        : `--${lacking} needs a value; one that begins with a dash is given as --${lacking}=VALUE.`,
    )
  }
}

function isFlag(arg: string): boolean {
  const name = arg.replace(/^--/, '').split('=')[0] ?? ''
  return arg === '-h' || name === 'help' || Object.hasOwn(FLAGS, name)
}

const takesValue = (arg = ''): boolean =>
  Object.entries(FLAGS).some(([name, flag]) => arg === `--${name}` && 'value' in flag)

/** The flag somebody may have meant: one that starts alike or differs in the order or loss of a letter. */
function suggestion(unknown: string): string {
  const letters = (name: string): string => [...name.replace(/-/g, '')].sort().join('')
  const wanted = unknown.replace(/^-+/, '')
  const likeness = (name: string): number =>
    letters(name) === letters(wanted) ? Infinity : commonPrefix(name, wanted)
  const [meant] = Object.keys(FLAGS)
    .filter(
      (name) =>
        letters(name) === letters(wanted) ||
        name.startsWith(wanted) ||
        wanted.startsWith(name) ||
        commonPrefix(name, wanted) >= 3,
    )
    .sort((a, b) => likeness(b) - likeness(a))
  return meant === undefined ? '' : ` Did you mean --${meant}?`
}

function commonPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

function readPort(name: 'port' | 'metrics-port', text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65535) return port
  throw new UsageError(`--${name} must be a number from 0 to 65535.`)
}

/** A whole number from 1 on. */
function readWhole(name: FlagName, text = '', max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= 1 && number <= max) return number
  throw new UsageError(`--${name} must be a whole number from 1 to ${String(max)}.`)
}

function readApiKeys(given: FlagValues[string], environment: Environment): readonly string[] {
  const keys = listOf(given, environment['NOMYO_API_KEY'])
  // An empty or unsendable key would look like protection and be none, or lock everybody out.
  if (keys.every((key) => /^[\x21-\x7e]+$/.test(key))) return keys
  throw new UsageError('--api-key must be visible ASCII characters, without blanks.')
}

function readCorsOrigins(given: FlagValues[string], environment: Environment): readonly string[] {
  const origins = listOf(given, environment['NOMYO_CORS_ORIGIN']).map((text) =>
    parseOrigin(text.trim()),
  )
  if (origins.includes('*') && origins.length > 1) {
    throw new UsageError('--cors-origin * allows every origin; leave the others out.')
  }
  return origins
}

/** An origin as browsers send it: host in lower case, no default port. */
function parseOrigin(text: string): string {
  const wrong = (why: string): UsageError => new UsageError(`--cors-origin ${why}`)
  if (text === '*') return text
  if (text.includes('*')) {
    throw wrong('takes no patterns: name each origin, or give * alone for every one.')
  }
  if (text === 'null') {
    throw wrong('null is what any sandboxed page sends; give the page an origin of its own.')
  }
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
    throw wrong('needs a scheme and a host, such as https://app.example.')
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') {
    throw wrong('must be scheme://host or scheme://host:port; give it once for each origin.')
  }
  const origin = `${url.protocol}//${url.host}`
  if (/[@/?#]/.test(text.slice(text.indexOf('://') + 3))) {
    throw wrong(`must end after host and port, as browsers send it: ${origin}`)
  }
  return origin
}

/** The values of a flag that may be given several times, else those of its variable. */
function listOf(given: FlagValues[string], variable: string | undefined): string[] {
  const fromFlags = Array.isArray(given) ? given.filter((value) => typeof value === 'string') : []
  if (fromFlags.length > 0) return fromFlags
  return (variable ?? '').split(',').filter((value) => value !== '')
}

const UNITS: Readonly<Record<string, number>> = { '': 1, kib: 1024, mib: 1024 ** 2 }
/** What a 4096-bit envelope takes at least, and what can be held in memory without harm. */
const BODY_RANGE = { min: 1024, max: 256 * 1024 ** 2 }

function readSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,12})\s*([a-z]*)$/i.exec(text) ?? []
  const size = Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN)
  if (size >= BODY_RANGE.min && size <= BODY_RANGE.max) return size
  throw new UsageError('--max-body must be a size from 1KiB to 256MiB, such as 16MiB or 500000.')
}

type Read = (name: FlagName) => string | undefined

function readKeyCommand(
  values: FlagValues,
  read: Read,
  environment: Environment,
): { keyDir: string; keys: KeyConfig } {
  const idle = Object.keys(values).find((name) => !['key-dir', 'key-password-file'].includes(name))
  if (idle !== undefined) throw new UsageError(`--${idle} has no meaning here.`)
  const keyDir = read('key-dir')
  if (keyDir === undefined) throw new UsageError('give the folder of the keys: --key-dir DIR.')
  return { keyDir, keys: readPassword(read, environment) }
}

function readKeys(read: Read, environment: Environment): KeyConfig {
  const password = readPassword(read, environment)
  if (read('key-dir') === undefined && Object.keys(password).length > 0) {
    throw new UsageError('a key password needs --key-dir DIR.')
  }
  const rotation = read('key-rotation')
  const rotationMs = rotation === undefined ? undefined : parseDuration(rotation)
  const overlapMs = parseDuration(read('key-overlap') ?? '')
  if (overlapMs === undefined || (rotation !== undefined && rotationMs === undefined)) {
    throw new UsageError('--key-rotation and --key-overlap must be times such as 30d, 24h or 15m.')
  }
  // Only two keys open at a time.
  if (rotationMs !== undefined && rotationMs <= overlapMs) {
    throw new UsageError('--key-rotation must be longer than --key-overlap.')
  }
  return { ...password, overlapMs, rotationMs }
}

function readPassword(read: Read, environment: Environment): KeyConfig {
  const passwordFile = read('key-password-file')
  const password = environment['NOMYO_KEY_PASSWORD'] ?? ''
  if (passwordFile !== undefined && password !== '') {
    throw new UsageError('give --key-password-file or NOMYO_KEY_PASSWORD, not both.')
  }
  if (passwordFile !== undefined) return { passwordFile }
  return password === '' ? {} : { password }
}

function readTpm(read: Read, readGiven: Read): TpmConfig | undefined {
  const address = read('tpm') ?? ''
  const required = readSwitch('tpm-required', readGiven('tpm-required'))
  if (address === 'none') {
    // Whoever gives these believes that there is attestation.
    const idle = (['pcrs', 'tpm-ak'] as const).find((name) => readGiven(name) !== undefined)
    if (idle !== undefined || required) {
      throw new UsageError(`--${idle ?? 'tpm-required'} needs a TPM: give --tpm ADDRESS.`)
    }
    return undefined
  }
  const pcrs = read('pcrs') ?? ''
  if (!isReadable(() => createTpmTransport(address))) {
    throw new UsageError(
      '--tpm must be device, a path below /dev/, unix:///path/of/socket, tcp://127.0.0.1:2321 or none.',
    )
  }
  if (!isReadable(() => parsePcrSelection(pcrs))) {
    throw new UsageError('--pcrs must be a list such as sha256:0,7,10 or sha256:0+sha384:0.')
  }
  return { address, pcrs, ak: readAk(read('tpm-ak') ?? ''), required }
}

function readSwitch(name: FlagName, text: string | undefined): boolean {
  if (text === undefined || /^(?:0|false)$/i.test(text)) return false
  if (/^(?:1|true)$/i.test(text)) return true
  throw new UsageError(`${variableName(name)} must be 1, true, 0 or false.`)
}

/** Asks those who will read it in the end. They connect to nothing yet. */
function isReadable(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

function readAk(text: string): TpmConfig['ak'] {
  if (text === 'persistent') return { mode: 'persistent' }
  if (text === 'ephemeral') return { mode: 'ephemeral' }
  // The handles the owner of a TPM may give to keys (Part 2, 7.5).
  if (/^0x81[0-7][\da-f]{5}$/i.test(text)) return { mode: 'persistent', handle: Number(text) }
  throw new UsageError(
    '--tpm-ak must be persistent, a handle from 0x81000000 to 0x817fffff, or ephemeral.',
  )
}

function readReplayWindow(text: string): number {
  const windowMs = parseDuration(text)
  if (windowMs !== undefined && windowMs >= 1000 && windowMs <= 30 * 86_400_000) return windowMs
  throw new UsageError('--replay-window must be a time from 1s to 30d, such as 90s, 10m or 24h.')
}

function readRateLimit(rate: string, burst: string | undefined): RateLimit | undefined {
  if (rate === 'off') {
    if (burst === undefined) return undefined
    throw new UsageError('--rate-burst needs a --rate-limit that is not off.')
  }
  const limit = parseRateLimit(rate, burst)
  if (limit !== undefined) return limit
  throw new UsageError(
    '--rate-limit must be such as 2/s, up to 10000/s, or off; --rate-burst a number, not less.',
  )
}

function readRedis(url: string | undefined, onFailure: string | undefined): GatewayConfig['redis'] {
  if (url === undefined) {
    if (onFailure === undefined) return undefined
    throw new UsageError('--redis-failure needs a Redis: give --redis URL.')
  }
  if (!/^rediss?:\/\/[^/]/.test(url) || !URL.canParse(url)) {
    throw new UsageError('--redis must be a URL such as redis://127.0.0.1:6379.')
  }
  const failure = onFailure === undefined ? DEFAULT_REDIS_FAILURE : parseRedisFailure(onFailure)
  if (failure !== undefined) return { url, failure }
  throw new UsageError(
    '--redis-failure must be closed, degrade, or such as replay=closed,rate=degrade.',
  )
}

function readTls(read: Read): TlsConfig | undefined {
  const certFile = read('tls-cert')
  const keyFile = read('tls-key')
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile }
  if (certFile === undefined && keyFile === undefined) return undefined
  throw new UsageError('--tls-cert and --tls-key need each other.')
}

function readProxies(given: FlagValues[string], environment: Environment): readonly string[] {
  const proxies = listOf(given, environment['NOMYO_TRUST_PROXY'])
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
  if (proxies.every(isProxyAddress)) return proxies
  throw new UsageError(
    '--trust-proxy must be addresses or networks such as 192.0.2.1, 10.0.0.0/8 or loopback.',
  )
}

function readLoad(read: Read): LoadConfig {
  return {
    maxOpens: readCount('max-opens', read, 1),
    maxQueue: readCount('max-queue', read, 0),
    maxRequests: readCount('max-requests', read, 1),
    maxConnections: readCount('max-connections', read, 1),
  }
}

function readCount(name: FlagName, read: Read, least: number): number | undefined {
  const text = read(name)
  if (text === undefined) return undefined
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (count >= least) return count
  throw new UsageError(`--${name} must be a number from ${String(least)} to 999999.`)
}

function readMetrics(read: Read, readGiven: Read): GatewayConfig['metrics'] {
  const port = readGiven('metrics-port')
  if (port !== undefined) {
    return { host: read('metrics-host') ?? '', port: readPort('metrics-port', port) }
  }
  if (readGiven('metrics-host') === undefined) return undefined
  throw new UsageError('--metrics-host needs --metrics-port PORT.')
}

function readDrainDelay(text: string): number | undefined {
  const delayMs = parseDuration(text)
  if (delayMs === undefined || delayMs > 600_000) {
    throw new UsageError('--drain-delay must be a time up to 10m, such as 5s.')
  }
  return delayMs === 0 ? undefined : delayMs
}

function readLogLevel(text: string): GatewayConfig['logLevel'] {
  const level = LOG_LEVELS.find((candidate) => candidate === text)
  if (level !== undefined) return level
  throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(', ')}.`)
}
