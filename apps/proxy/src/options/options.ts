import { join } from 'node:path'
import type { ProxyConfig, TokenSource } from '../config.js'
import { LOG_LEVELS } from '../log.js'
import { FLAGS, variableName, type Environment, type FlagName } from './flags.js'
import { helpText } from './help.js'
import { isLoopback, isWildcard, parseHostName, parseOrigin } from './names.js'
import { parseFlags, type FlagValues } from './parse-flags.js'
import { UsageError } from './usage-error.js'

/** What the command line asks for. */
export type Command = { kind: 'help'; text: string } | { kind: 'start'; config: ProxyConfig }

/** The shortest token that is no invitation to guess. */
const LEAST_TOKEN_LENGTH = 16

/** Options that protect: without them the proxy starts, and does less. */
const PROTECTING = ['policy', 'pin', 'token-file', 'security-tier'] as const

/**
 * Reads the command line and the environment; flags win over variables, variables over defaults.
 *
 * @param isTerminal - whether somebody reads standard error: only they can be told a token made now
 * @throws UsageError
 */
export function readOptions(
  args: readonly string[],
  environment: Environment,
  isTerminal: boolean,
): Command {
  const values = parseFlags(args)
  if (values['help'] !== undefined) return { kind: 'help', text: helpText() }
  for (const name of PROTECTING) refuseEmpty(name, values, environment)
  const listOf = (name: FlagName): readonly string[] =>
    values[name] ??
    (environment[variableName(name)] ?? '').split(',').filter((value) => value !== '')
  const given = (name: FlagName): string | undefined => {
    const value = values[name]?.at(-1) ?? environment[variableName(name)]
    return value === '' ? undefined : value
  }
  const read = (name: FlagName): string => {
    const flag = FLAGS[name]
    return given(name) ?? ('fallback' in flag ? flag.fallback : '')
  }
  const isOn = (name: FlagName): boolean => readSwitch(name, given(name))

  const quiet = isOn('quiet')
  const token = readToken(given('token-file'), isOn('no-token'), environment)
  if (token.kind === 'made' && (quiet || !isTerminal)) {
    throw new UsageError(
      'nobody would see the token made at start: give --token-file FILE or NOMYO_PROXY_TOKEN, or --no-token.',
    )
  }
  return {
    kind: 'start',
    config: {
      host: readHost(read('host'), isOn('allow-remote'), token),
      port: readPort(read('port')),
      allowedHosts: listOf('allow-host').map(parseHostName),
      allowedOrigins: listOf('allow-origin').map(parseOrigin),
      token,
      gateway: readGateway(read('gateway'), isOn('allow-http')),
      apiKey: readApiKey(given('api-key-file'), environment),
      pins: listOf('pin').map(readPin),
      knownServers: readKnownServers(given('known-servers'), listOf('pin'), environment),
      attestation: readAttestation(given('policy'), given('attest'), given('tier'), read),
      securityTier: readChoice('security-tier', given('security-tier') ?? 'none', [
        'none',
        'standard',
        'high',
        'maximum',
      ]),
      maxConcurrency: readWhole('max-concurrency', read('max-concurrency'), 1000),
      logLevel: quiet ? 'error' : readChoice('log-level', read('log-level'), LOG_LEVELS),
      firstScreen: isTerminal && !quiet,
    },
  }
}

/** A variable that lost its value on the way must not take the protection along. */
function refuseEmpty(name: FlagName, values: FlagValues, environment: Environment): void {
  const variable = variableName(name)
  if (values[name] !== undefined || !/^,*$/.test(environment[variable] ?? 'unset')) return
  throw new UsageError(`${variable} is set, but empty: give it a value, or unset it.`)
}

function readToken(
  path: string | undefined,
  noToken: boolean,
  environment: Environment,
): TokenSource {
  const token = environment['NOMYO_PROXY_TOKEN'] ?? ''
  if ([path !== undefined, noToken, token !== ''].filter(Boolean).length > 1) {
    throw new UsageError('give one of --token-file, NOMYO_PROXY_TOKEN and --no-token.')
  }
  if (noToken) return { kind: 'none' }
  if (path !== undefined) return { kind: 'file', path }
  if (token === '') return { kind: 'made' }
  if (isToken(token)) return { kind: 'given', token }
  throw new UsageError(`NOMYO_PROXY_TOKEN must be ${TOKEN_FORM}.`)
}

/** What a token has to look like, for messages. */
export const TOKEN_FORM = `at least ${String(LEAST_TOKEN_LENGTH)} visible ASCII characters, without blanks`

/** Whether a text will do as a token. */
export const isToken = (text: string): boolean =>
  text.length >= LEAST_TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(text)

function readHost(host: string, allowRemote: boolean, token: TokenSource): string {
  if (isLoopback(host)) return host
  if (!isWildcard(host) && !/^[a-z\d.:-]+$/i.test(host)) {
    throw new UsageError('--host must be a name or an address such as 127.0.0.1 or ::1.')
  }
  if (!allowRemote) {
    throw new UsageError(
      '--host is reachable from other machines, over a connection in the clear: add --allow-remote if ' +
        'that is meant.',
    )
  }
  if (token.kind === 'none') {
    throw new UsageError('--allow-remote needs a token: leave --no-token out.')
  }
  return host
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65535) return port
  throw new UsageError('--port must be a number from 0 to 65535.')
}

function readGateway(text: string, allowHttp: boolean): ProxyConfig['gateway'] {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UsageError('--gateway must be a URL such as https://gateway.example.')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError('--gateway must hold no user name, password, query or fragment.')
  }
  if (url.protocol === 'http:' && !allowHttp) {
    throw new UsageError(
      '--gateway is http://: anybody on the way could hand out a key of their own and read everything. ' +
        'Use https://, or add --allow-http for local development.',
    )
  }
  return { url: url.href.replace(/\/+$/, ''), allowHttp }
}

function readApiKey(path: string | undefined, environment: Environment): ProxyConfig['apiKey'] {
  const key = environment['NOMYO_API_KEY'] ?? ''
  if (path !== undefined && key !== '') {
    throw new UsageError('give --api-key-file or NOMYO_API_KEY, not both.')
  }
  if (path !== undefined) return { kind: 'file', path }
  if (key === '') return { kind: 'none' }
  if (/^[\x21-\x7e]+$/.test(key)) return { kind: 'given', key }
  throw new UsageError('NOMYO_API_KEY must be visible ASCII characters, without blanks.')
}

function readPin(pin: string): string {
  if (/^sha256\/[\w+/-]{43}=?$/.test(pin)) return pin
  throw new UsageError(
    '--pin must be a fingerprint as the gateway prints it: sha256/ and 43 letters.',
  )
}

/** Where there is a pin, a file that trusts the first key says nothing more, and would refuse the next pin. */
function readKnownServers(
  path: string | undefined,
  pins: readonly string[],
  environment: Environment,
): string | undefined {
  if (path !== undefined) return path === 'none' ? undefined : path
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? ''
  return pins.length > 0 || home === '' ? undefined : join(home, '.nomyo', 'known_servers')
}

function readAttestation(
  policyFile: string | undefined,
  when: string | undefined,
  tier: string | undefined,
  read: (name: FlagName) => string,
): ProxyConfig['attestation'] {
  if (policyFile === undefined) {
    // Whoever gives these believes that there is attestation.
    const idle = when === undefined ? (tier === undefined ? undefined : 'tier') : 'attest'
    if (idle === undefined) return undefined
    throw new UsageError(`--${idle} needs --policy FILE.`)
  }
  return {
    policyFile,
    when: readChoice('attest', read('attest'), ['before-send', 'after-response']),
    tier: readChoice('tier', read('tier'), ['affirming', 'warning', 'none']),
  }
}

function readChoice<T extends string>(name: FlagName, text: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === text)
  if (choice !== undefined) return choice
  throw new UsageError(`--${name} must be one of ${choices.join(', ')}.`)
}

function readWhole(name: FlagName, text: string, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= 1 && number <= max) return number
  throw new UsageError(`--${name} must be a whole number from 1 to ${String(max)}.`)
}

function readSwitch(name: FlagName, text: string | undefined): boolean {
  if (text === undefined || /^(?:0|false)$/i.test(text)) return false
  if (/^(?:1|true)$/i.test(text)) return true
  throw new UsageError(`${variableName(name)} must be 1, true, 0 or false.`)
}
