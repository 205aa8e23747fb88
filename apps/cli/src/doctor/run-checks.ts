import type { Environment } from '@nomyo-internal/command-line'
import { ok, warning, type Finding, type NamedFinding } from '@nomyo-internal/diagnostics'
import { fetchServerKey } from '../gateway/fetch.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { checkAccess, checkChat } from './access.js'
import { checkAddress } from './address.js'
import { checkMachine } from './machine.js'
import { checkName, checkTcp, checkTls, proxyVariable } from './network.js'
import { timed } from './timed.js'
import { checkTrust } from './trust.js'

/** Runs one check after the other, and ends where the next ones would fail for the same reason. */
export async function* runChecks(
  settings: GatewaySettings,
  chatModel: string | undefined,
  environment: Environment,
): AsyncGenerator<NamedFinding> {
  const url = new URL(settings.gateway)
  const named = (check: string, finding: Finding): NamedFinding => ({ check, ...finding })
  const address = checkAddress(settings)
  yield named('address', address)
  if (address.status === 'problem') return
  const proxy = proxyVariable(url, environment)
  if (proxy !== undefined) yield named('network', ok(`connections use the proxy of ${proxy}`))
  for (const [name, check] of proxy === undefined ? networkChecks(url) : []) {
    const finding = await check(url)
    yield named(name, finding)
    if (finding.status === 'problem') return
  }
  const shown = await timed(() => fetchServerKey(settings))
  if ('failed' in shown) {
    yield named('server key', shown.failed)
    return
  }
  const key = shown.value
  yield named('server key', ok(`${key.fingerprint}, ${key.bits} bits`, shown.ms))
  const trust = await checkTrust(key, settings)
  yield named('trust', trust)
  const machine = await checkMachine(settings, key)
  yield named('machine', machine)
  if (trust.status === 'problem' || machine.status === 'problem') {
    const message =
      'not checked: the API key is sent only to a gateway and machine that are trusted'
    yield named('access', warning(message))
    return
  }
  const access = await checkAccess(settings, chatModel)
  yield named('access', access)
  if (chatModel === undefined || access.status === 'problem') return
  yield named('chat', await checkChat(settings, key, chatModel))
}

const networkChecks = ({ protocol }: URL) =>
  [
    ['DNS', checkName],
    ['TCP', checkTcp],
    ...(protocol === 'https:' ? [['TLS', checkTls] as const] : []),
  ] as const
