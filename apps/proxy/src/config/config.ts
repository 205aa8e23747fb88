import { join } from 'node:path'
import {
  UsageError,
  readSettings,
  type Environment,
  type Settings,
} from '@nomyo-internal/command-line'
import { isLoopback } from '@nomyo-internal/http-server'
import { OPTIONS } from './options.js'

/** Source of a secret. */
export type SecretSource =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

type Values = Settings<typeof OPTIONS>['values']

/** Settings of a proxy: those of its options, and what follows from several of them. */
export interface ProxyConfig extends Omit<Values, 'apiKey' | 'token'> {
  /** Source of the token that callers send. */
  readonly token: SecretSource | { readonly kind: 'generated' }
  /** Source of the API key for the gateway. */
  readonly apiKey: SecretSource
  /** Path of the file; undefined for none. */
  readonly knownServers: string | undefined
  /** Prints a banner with instructions. */
  readonly banner: boolean
}

/**
 * Reads the settings of a proxy from a command line and the environment. Secrets come from the
 * environment or from files: other users of the machine can see command lines.
 *
 * @param isTerminal - whether standard error is a terminal, which can show a generated token
 * @throws UsageError
 */
export function readConfig(
  args: readonly string[],
  environment: Environment,
  isTerminal: boolean,
): ProxyConfig {
  return configOf(readSettings(OPTIONS, { args, environment }), environment, isTerminal)
}

/**
 * Checks settings against each other and the environment.
 *
 * @throws UsageError
 */
export function configOf(
  settings: Settings<typeof OPTIONS>,
  environment: Environment,
  isTerminal: boolean,
): ProxyConfig {
  const { values } = settings
  const token = tokenSource(values)
  if (token.kind === 'generated' && (values.quiet || !isTerminal)) {
    throw new UsageError(
      'a token generated at start would not be shown: give --token-file FILE or NOMYO_PROXY_TOKEN, or --no-token',
    )
  }
  if (!isLoopback(values.host)) {
    if (!values.allowRemote) {
      throw settings.mistake(
        'host',
        'is reachable from other machines, over a connection in plaintext: add --allow-remote if that is intended',
      )
    }
    if (token.kind === 'none') {
      throw settings.mistake('allowRemote', 'needs a token: omit --no-token')
    }
  }
  if (values.gateway.startsWith('http:') && !values.allowHttp) {
    throw settings.mistake(
      'gateway',
      'is http://: an attacker on the network path could substitute the server key and read everything. ' +
        'Use https://, or add --allow-http for local development',
    )
  }
  for (const name of ['attest', 'tier'] as const) {
    // These seem to protect, and do nothing without a policy.
    if (values.policy === undefined && settings.given(name)) {
      throw settings.mistake(name, 'needs --policy FILE')
    }
  }
  return {
    ...values,
    token,
    apiKey: apiKeySource(values),
    knownServers: knownServersPath(values, environment),
    logLevel: values.quiet ? 'error' : values.logLevel,
    banner: isTerminal && !values.quiet,
  }
}

function tokenSource({ tokenFile: path, token: text, noToken }: Values): ProxyConfig['token'] {
  if ([path !== undefined, text !== undefined, noToken].filter(Boolean).length > 1) {
    throw new UsageError('give one of --token-file, NOMYO_PROXY_TOKEN and --no-token')
  }
  if (noToken) return { kind: 'none' }
  if (path !== undefined) return { kind: 'file', path }
  return text === undefined ? { kind: 'generated' } : { kind: 'text', text }
}

function apiKeySource({ apiKeyFile: path, apiKey: text }: Values): SecretSource {
  if (path !== undefined && text !== undefined) {
    throw new UsageError('give --api-key-file or NOMYO_API_KEY, not both')
  }
  if (path !== undefined) return { kind: 'file', path }
  return text === undefined ? { kind: 'none' } : { kind: 'text', text }
}

/** With a pin, trust on first use adds nothing, and would refuse the next pin. */
function knownServersPath(
  { knownServers: path, pin }: Values,
  environment: Environment,
): string | undefined {
  if (path !== undefined) return path === 'none' ? undefined : path
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? ''
  return pin.length > 0 || home === '' ? undefined : join(home, '.nomyo', 'known_servers')
}
