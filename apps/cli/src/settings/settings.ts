import { isAbsolute, join } from 'node:path'
import { parsePin } from '@nomyo/crypto'
import { parseBaseUrl } from '@nomyo/transport'
import type { CommandArguments } from '../arguments.js'
import type { OptionSpecs } from '../command.js'
import { UsageError } from '../exit-codes.js'
import { readSecretFile } from '../files.js'
import { readConfigFile, type ConfigFile } from './config-file.js'
import { homeFolder } from './home.js'
import { TIERS, isTier, type Tier } from './tiers.js'

/** Where to go, and what is asked of who answers there. */
export interface Settings {
  /** Base URL of the gateway, without a slash at its end: the name known servers have. */
  readonly gateway: string
  readonly allowHttp: boolean
  readonly apiKey: string | undefined
  readonly model: string | undefined
  readonly tier: Tier | undefined
  /** Path of a policy file. */
  readonly policy: string | undefined
  /** Path of the known-servers file. */
  readonly knownServers: string
  readonly pins: readonly string[] | undefined
}

/** Options of all commands that read the config file. */
export const CONFIG_OPTIONS: OptionSpecs = {
  config: { value: 'FILE', isPath: true, about: 'config file instead of the usual one' },
  'known-servers': {
    value: 'FILE',
    isPath: true,
    about: 'known servers (~/.nomyo/known_servers)',
  },
}

/** Options of all commands that talk to a gateway. */
export const GATEWAY_OPTIONS: OptionSpecs = {
  gateway: { value: 'URL', about: 'the gateway (https://api.nomyo.ai)' },
  'allow-http': { about: 'allow http://, for a gateway on this machine' },
  'api-key-file': { value: 'FILE', isPath: true, about: 'file that holds the API key' },
  policy: { value: 'FILE', isPath: true, about: 'what the machine must be, by TPM evidence' },
  pin: { value: 'sha256/…', repeatable: true, about: 'accept this server key only; repeatable' },
  ...CONFIG_OPTIONS,
}

/** The option for the security tier. */
export const TIER_OPTION = {
  value: 'TIER',
  choices: TIERS,
  about: `security tier: ${TIERS.join(', ')}`,
} as const

const DEFAULT_GATEWAY = 'https://api.nomyo.ai'

/**
 * What is in effect: options win over the environment, that over the config file, that over defaults.
 *
 * @throws UsageError for anything that makes no sense; keys are not repeated
 */
export function readSettings(args: CommandArguments, environment: NodeJS.ProcessEnv): Settings {
  const home = homeFolder(environment)
  const file = readConfig(args, environment, home)
  const tier = args.text('tier') ?? file.tier
  return {
    gateway: canonicalUrl(
      args.text('gateway') ?? set(environment['NOMYO_BASE_URL']) ?? file.gateway ?? DEFAULT_GATEWAY,
    ),
    allowHttp: args.flag('allow-http') || file.allowHttp === true,
    apiKey: readApiKey(args.text('api-key-file'), environment, file.apiKeyFile),
    model: args.text('model') ?? file.model,
    tier: isTier(tier) ? tier : undefined,
    policy: args.text('policy') ?? file.policy,
    knownServers: args.text('known-servers') ?? file.knownServers ?? usualKnownServers(home),
    pins: readPins(args.texts('pin') ?? file.pins),
  }
}

/** Path of the known-servers file, for commands that need nothing else. */
export function readKnownServersPath(
  args: CommandArguments,
  environment: NodeJS.ProcessEnv,
): string {
  const home = homeFolder(environment)
  const file = readConfig(args, environment, home)
  return args.text('known-servers') ?? file.knownServers ?? usualKnownServers(home)
}

/**
 * A base URL as known servers are named.
 *
 * @throws UsageError
 */
export function canonicalUrl(text: string): string {
  try {
    return parseBaseUrl(text).href.replace(/\/$/, '')
  } catch {
    throw new UsageError(
      'the gateway must be a URL such as https://gateway.example, without user, query or fragment',
    )
  }
}

function readConfig(
  args: CommandArguments,
  environment: NodeJS.ProcessEnv,
  home: string,
): ConfigFile {
  // The XDG specification has relative paths ignored.
  const { XDG_CONFIG_HOME: named = '' } = environment
  const folder = isAbsolute(named) ? named : join(home, '.config')
  const usual = join(folder, 'nomyo', 'config.json')
  return readConfigFile(args.text('config') ?? set(environment['NOMYO_CLI_CONFIG']), {
    usual,
    home,
  })
}

function readApiKey(
  path: string | undefined,
  environment: NodeJS.ProcessEnv,
  configured: string | undefined,
): string | undefined {
  const fromEnvironment = set(environment['NOMYO_API_KEY'])
  const file = path ?? (fromEnvironment === undefined ? configured : undefined)
  const key = file === undefined ? fromEnvironment : readSecretFile(file)
  if (key === undefined || /^[\x21-\x7e]+$/.test(key)) return key
  throw new UsageError(
    `the API key in ${file ?? 'NOMYO_API_KEY'} must be visible ASCII characters; look for line breaks and blanks`,
  )
}

function readPins(pins: readonly string[] | undefined): readonly string[] | undefined {
  try {
    return pins?.map(parsePin)
  } catch {
    throw new UsageError(
      'a pin must be sha256/ and 44 base64 characters, as nomyo keys fingerprint prints it',
    )
  }
}

const usualKnownServers = (home: string): string => join(home, '.nomyo', 'known_servers')

/** An empty variable counts as none. */
const set = (value: string | undefined): string | undefined => (value === '' ? undefined : value)
