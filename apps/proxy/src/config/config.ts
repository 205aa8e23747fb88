import { join } from 'node:path'
import { UsageError, type Environment, type Settings } from '@nomyo-internal/command-line'
import { isLoopback } from '@nomyo-internal/http-server'
import type { OPTIONS } from './options.js'

type Values = Settings<typeof OPTIONS>['values']

/** Settings of a proxy: those of its options, and what follows from several of them. */
export interface ProxyConfig extends Values {
  /** Path of the file; undefined for none. */
  readonly knownServers: string | undefined
  /** Prints a banner with instructions. */
  readonly banner: boolean
}

/**
 * Checks settings against each other and the environment. Secrets come from the environment or from
 * files: other users of the machine can see command lines.
 *
 * @param isTerminal - whether standard error is a terminal, which can show a generated token
 * @throws UsageError
 */
export function configOf(
  settings: Settings<typeof OPTIONS>,
  environment: Environment,
  isTerminal: boolean,
): ProxyConfig {
  const { values } = settings
  const { tokenFile, token, noToken, apiKeyFile, apiKey } = values
  const tokens = [tokenFile !== undefined, token !== undefined, noToken].filter(Boolean).length
  if (tokens > 1) {
    throw new UsageError('give one of --token-file, NOMYO_PROXY_TOKEN and --no-token')
  }
  if (tokens === 0 && (values.quiet || !isTerminal)) {
    throw new UsageError(
      'a token generated at start would not be shown: give --token-file FILE or NOMYO_PROXY_TOKEN, or --no-token',
    )
  }
  if (apiKeyFile !== undefined && apiKey !== undefined) {
    throw new UsageError('give --api-key-file or NOMYO_API_KEY, not both')
  }
  if (!isLoopback(values.host)) {
    if (!values.allowRemote) {
      throw settings.mistake(
        'host',
        'is reachable from other machines, over a connection in plaintext: add --allow-remote if that is intended',
      )
    }
    if (noToken) throw settings.mistake('allowRemote', 'needs a token: omit --no-token')
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
    knownServers: knownServersPath(values, environment),
    logLevel: values.quiet ? 'error' : values.logLevel,
    banner: isTerminal && !values.quiet,
  }
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
