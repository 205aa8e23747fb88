import { printConfig } from '../file/print.js'
import { readConfigFile, type ConfigFile } from '../file/read.js'
import type { GatewayConfig } from '../config.js'
import { KEY_COMMANDS, type KeyCommand } from '../../commands/server-keys.js'
import type { KeyPlace } from '../../server-keys/open-store.js'
import { readApiKeys, readCorsOrigins, readRateLimit } from './callers.js'
import { readEngine } from './engine.js'
import { variableName, type Environment, type Flag } from './flag.js'
import { FLAGS, type FlagName } from './flags.js'
import { helpText } from './help.js'
import { readDrainDelay, readLoad, readMetrics, readProxies, readTls } from './listeners.js'
import { parseFlags, type FlagValues } from './parse-flags.js'
import { readRedis, readReplayWindow } from './redis.js'
import { readKeyPlace, readKeys, readSharedKeys } from './server-keys.js'
import { readTpm } from './tpm.js'
import { UsageError } from './usage-error.js'
import { listOf, readLogLevel, readPort, readSize, readSwitch, readWhole } from './values.js'
import { readWeb } from './web.js'

/** What the command line asks for. */
export type Command =
  | { kind: 'help' | 'print'; text: string }
  | { kind: 'start'; config: GatewayConfig }
  | { kind: KeyCommand; place: KeyPlace }

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
    return { kind: keyCommand, place: readKeyPlace(values, read, environment) }
  }
  const host = read('host') ?? ''
  const tls = readTls(read)
  const config: GatewayConfig = {
    host,
    port: readPort('port', read('port') ?? ''),
    engine: readEngine(read('engine'), {
      urls: listOf(values['upstream'], environment['NOMYO_UPSTREAM']),
      apiKey: read('upstream-key'),
      caFile: read('upstream-ca'),
      fromFile: file?.upstreams,
      health: {
        intervalMs: 1000 * readWhole('health-interval', read('health-interval'), 3600),
        unhealthyAfter: readWhole('unhealthy-after', read('unhealthy-after'), 100),
      },
    }),
    apiKeys: readApiKeys(values['api-key'], environment),
    keysFile: read('keys-file'),
    keyDir: read('key-dir'),
    sharedKeys: readSharedKeys(read, environment),
    keys: readKeys(read, environment),
    acceptLegacyTag: readSwitch('accept-legacy-tag', readGiven('accept-legacy-tag')),
    maxBodyBytes: readSize(read('max-body') ?? ''),
    corsOrigins: readCorsOrigins(values['cors-origin'], environment),
    web: readWeb(readSwitch('web', readGiven('web')), host, tls),
    tpm: readTpm(read, readGiven),
    tls,
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
