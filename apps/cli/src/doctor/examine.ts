import { fetchShownKey } from '../gateway/ask.js'
import type { Settings } from '../settings/settings.js'
import { examineAccess, examineChat } from './access.js'
import { examineAddress } from './address.js'
import type { Finding } from './finding.js'
import { examineMachine } from './machine.js'
import { examineName, examineTcp, examineTls } from './network.js'
import { proxyVariable } from './proxy-variable.js'
import { timed } from './timed.js'
import { examineTrust } from './trust.js'

/**
 * Looks at one step after the other, and ends where the next ones would only fail for the same reason.
 */
export async function* examine(
  settings: Settings,
  chatModel: string | undefined,
  environment: NodeJS.ProcessEnv,
): AsyncGenerator<Finding> {
  const url = new URL(settings.gateway)
  const address = examineAddress(settings)
  yield address
  if (address.status === 'problem') return
  const proxy = proxyVariable(url, environment)
  if (proxy !== undefined) {
    yield {
      check: 'network',
      status: 'ok',
      message: `connections go through the proxy of ${proxy}`,
    }
  } else {
    for (const look of [
      examineName,
      examineTcp,
      ...(url.protocol === 'https:' ? [examineTls] : []),
    ]) {
      const finding = await look(url)
      yield finding
      if (finding.status === 'problem') return
    }
  }
  const shown = await timed('server key', () => fetchShownKey(settings))
  if ('failed' in shown) {
    yield shown.failed
    return
  }
  const key = shown.value
  yield {
    check: 'server key',
    status: 'ok',
    message: `${key.fingerprint}, ${String(key.bits)} bits`,
    ms: shown.ms,
  }
  const trust = await examineTrust(key, settings)
  yield trust
  const machine = await examineMachine(settings, key)
  yield machine
  if (trust.status === 'problem' || machine.status === 'problem') {
    yield {
      check: 'access',
      status: 'warning',
      message: 'not looked at: an API key is for a gateway and a machine that can be trusted',
    }
    return
  }
  const access = await examineAccess(settings, chatModel)
  yield access
  if (chatModel === undefined || access.status === 'problem') return
  yield await examineChat(settings, key, chatModel)
}
