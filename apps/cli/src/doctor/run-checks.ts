import type { Environment } from '@nomyo-internal/command-line'
import { ok, warning, type Finding, type NamedFinding } from '@nomyo-internal/diagnostics'
import type { PublicKey } from '@nomyo/crypto'
import type { KeyStatement } from '@nomyo/crypto/wire-2'
import { fetchServerKey } from '../gateway/fetch.js'
import { fetchKeyStatement } from '../gateway/key-statement.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { checkAccess, checkChat } from './access.js'
import { checkAddress } from './address.js'
import { checkMachine } from './machine.js'
import { checkName, checkTcp, checkTls, proxyVariable } from './network.js'
import { describeFailure } from './describe-failure.js'
import { describePacing, describeUnmeasured, timedFetch } from './pacing.js'
import { checkPath } from './path.js'
import { checkTrust } from './trust.js'
import { checkIdentity, chooseWire, describeChoice } from './wire.js'

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
  const keys = yield* checkKeys(settings)
  if (keys === undefined) return
  const machine = await runCheck('machine', () => checkMachine(settings, keys.shown))
  yield machine
  if (!keys.isTrusted || machine.status === 'problem') {
    const message = 'not checked: the API key is sent to a trusted gateway and machine only'
    yield { check: 'access', ...warning(message) }
    return
  }
  const access = await runCheck('access', () => checkAccess(settings, chatModel))
  yield access
  if (access.status === 'problem') return
  if (chatModel === undefined) {
    yield { check: 'buffering', ...describeUnmeasured(settings, 'sha256' in keys.shown) }
    return
  }
  const timed = timedFetch()
  try {
    const isStreamed = 'sha256' in keys.shown
    const how = { fetch: timed.fetch, isStreamed }
    yield await runCheck('chat', () => checkChat(settings, chatModel, how))
    const pacing = isStreamed ? describePacing(timed.times()) : describeUnmeasured(settings, false)
    yield { check: 'buffering', ...pacing }
  } finally {
    timed.close()
  }
}

/** Keys that a gateway shows for the wire of requests, and the trust in them. */
interface ShownKeys {
  readonly shown: PublicKey | KeyStatement
  readonly isTrusted: boolean
}

/** Checks the keys of a gateway, the trust in them, and the wire that follows. */
async function* checkKeys(
  settings: GatewaySettings,
): AsyncGenerator<NamedFinding, ShownKeys | undefined> {
  const fetched: { statement?: KeyStatement; key?: PublicKey } = {}
  const offer = await runCheck('key statement', async () => {
    const statement = await fetchKeyStatement(settings)
    if (statement === undefined) return ok('the gateway does not offer wire 2')
    fetched.statement = statement
    return ok(`${statement.sha256}, signed by ${statement.identities.join(' and ')}`)
  })
  const { statement } = fetched
  if (statement !== undefined || offer.status === 'problem') yield offer
  if (offer.status === 'problem' && settings.wire !== 1) return undefined
  if (statement !== undefined && settings.wire !== 1) {
    const { finding, wire } = await checkIdentity(settings)
    yield { check: 'trust', ...finding }
    if (wire !== undefined) yield { check: 'wire', ...describeChoice(wire, statement) }
    yield await runCheck('path', () => checkPath(settings, statement))
    return { shown: statement, isTrusted: wire !== undefined }
  }
  yield await runCheck('server key', async () => {
    const key = (fetched.key = await fetchServerKey(settings))
    return ok(`${key.fingerprint}, ${key.bits} bits`)
  })
  const { key } = fetched
  if (key === undefined) return undefined
  const trust = { check: 'trust', ...(await checkTrust(key, settings)) }
  yield trust
  if (trust.status === 'problem') return { shown: key, isTrusted: false }
  const wire = await runCheck('wire', async () =>
    describeChoice(await chooseWire(settings), statement),
  )
  yield wire
  return { shown: key, isTrusted: wire.status !== 'problem' }
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
