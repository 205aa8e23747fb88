import type { Environment } from '@nomyo-internal/command-line'
import { ok, warning, type Finding, type NamedFinding } from '@nomyo-internal/diagnostics'
import type { PublicKey } from '@nomyo/crypto'
import { fetchServerKey } from '../gateway/fetch.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { checkAccess, checkChat } from './access.js'
import { checkAddress } from './address.js'
import { checkMachine } from './machine.js'
import { checkName, checkTcp, checkTls, proxyVariable } from './network.js'
import { describeFailure } from './describe-failure.js'
import { checkTrust } from './trust.js'

/** Runs one check after the other, and ends where the next ones would fail for the same reason. */
export async function* runChecks(
  settings: GatewaySettings,
  chatModel: string | undefined,
  environment: Environment,
): AsyncGenerator<NamedFinding> {
  const url = new URL(settings.gateway)
  const address = { check: 'address', ...checkAddress(settings) }
  yield address
  if (address.status === 'problem') return
  const proxy = proxyVariable(url, environment)
  if (proxy !== undefined) {
    yield { check: 'network', ...ok(`connections use the proxy of ${proxy}`) }
  }
  for (const [name, check] of proxy === undefined ? networkChecks(url) : []) {
    const finding = await runCheck(name, () => check(url))
    yield finding
    if (finding.status === 'problem') return
  }
  const fetched: { key?: PublicKey } = {}
  yield await runCheck('server key', async () => {
    const key = (fetched.key = await fetchServerKey(settings))
    return ok(`${key.fingerprint}, ${key.bits} bits`)
  })
  const { key } = fetched
  if (key === undefined) return
  const trust = { check: 'trust', ...(await checkTrust(key, settings)) }
  yield trust
  const machine = await runCheck('machine', () => checkMachine(settings, key))
  yield machine
  if (trust.status === 'problem' || machine.status === 'problem') {
    const message =
      'not checked: the API key is sent only to a gateway and machine that are trusted'
    yield { check: 'access', ...warning(message) }
    return
  }
  const access = await runCheck('access', () => checkAccess(settings, chatModel))
  yield access
  if (chatModel === undefined || access.status === 'problem') return
  yield await runCheck('chat', () => checkChat(settings, key, chatModel))
}

/** Runs and times a check; an error that it throws becomes its finding. */
async function runCheck(check: string, run: () => Promise<Finding>): Promise<NamedFinding> {
  const start = performance.now()
  const finding = await run().catch(describeFailure)
  return { check, ...finding, ms: Math.round((performance.now() - start) * 10) / 10 }
}

const networkChecks = ({ protocol }: URL) =>
  [
    ['DNS', checkName],
    ['TCP', checkTcp],
    ...(protocol === 'https:' ? [['TLS', checkTls] as const] : []),
  ] as const
