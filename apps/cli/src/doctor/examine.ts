import { knownServersFile } from '@nomyo/client/known-servers'
import { verifyPin, type PublicKey } from '@nomyo/crypto'
import { APIError } from '@nomyo/transport'
import { assertAllowed, fetchShownKey, listModels } from '../gateway/ask.js'
import { isLoopback, openClient } from '../gateway/client.js'
import { isAbsent, judgeMachine, offeredEvidence } from '../gateway/judge-machine.js'
import { failureOf } from '../failure.js'
import type { Settings } from '../settings/settings.js'
import type { Finding } from './finding.js'
import { examineName, examineTcp, examineTls } from './network.js'

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

function examineAddress(settings: Settings): Finding {
  const check = 'address'
  try {
    assertAllowed(settings)
  } catch {
    return {
      check,
      status: 'problem',
      message: `${settings.gateway} is http://, where anybody on the way can replace the server key`,
      remedy: 'use https://, or add --allow-http for a gateway on this machine',
    }
  }
  if (isLoopback(settings.gateway)) {
    return { check, status: 'ok', message: `${settings.gateway}, on this machine` }
  }
  return settings.gateway.startsWith('https:')
    ? { check, status: 'ok', message: settings.gateway }
    : {
        check,
        status: 'warning',
        message: `${settings.gateway}: anybody on the way can replace the server key`,
        remedy: 'use https://, unless this network is yours alone',
      }
}

/** Known servers are only read: a look must not make a key known. */
async function examineTrust(key: PublicKey, settings: Settings): Promise<Finding> {
  const { gateway, pins, knownServers } = settings
  const check = 'trust'
  try {
    if (pins !== undefined) verifyPin(key, pins)
  } catch {
    return {
      check,
      status: 'problem',
      message: `the key is none of the pinned ones (${String(pins?.length ?? 0)})`,
      remedy:
        'ask the operator, on another way, for the fingerprint; change the pin only if it is genuine',
    }
  }
  try {
    const known = await knownServersFile(knownServers).fingerprintsOf(gateway)
    if (known.includes(key.fingerprint)) {
      return {
        check,
        status: 'ok',
        message: `${pins === undefined ? '' : 'pinned, and '}known from before`,
      }
    }
    if (known.length > 0) {
      return {
        check,
        status: 'problem',
        message: `the key has changed: known is ${known.join(' or ')}`,
        remedy: `ask the operator on another way; only if it is genuine: nomyo servers forget ${gateway}`,
      }
    }
  } catch (error) {
    return { check, status: 'problem', message: failureOf(error).text, remedy: 'correct that file' }
  }
  if (pins !== undefined) return { check, status: 'ok', message: 'pinned' }
  return {
    check,
    status: 'warning',
    message: 'not known yet: the key will be trusted on first use',
    remedy: `compare the fingerprint with the operator, then: nomyo servers trust ${gateway}`,
  }
}

async function examineMachine(settings: Settings, key: PublicKey): Promise<Finding> {
  const check = 'machine'
  const { policy } = settings
  if (policy === undefined) return examineOffer(settings)
  const judged = await timed(check, () => judgeMachine(settings, policy))
  if ('failed' in judged)
    return isAbsent(judged.error) ? noEvidence('problem', judged.ms) : judged.failed
  const { result, fingerprint } = judged.value
  const { ms } = judged
  const message = `tier ${result.tier}, key ${result.trust}`
  const remedy = `nomyo attest verify ${settings.gateway} --policy ${policy} shows every check`
  if (fingerprint !== key.fingerprint) {
    return {
      check,
      status: 'problem',
      message: `it vouches for another key, ${fingerprint}`,
      remedy,
      ms,
    }
  }
  return result.tier === 'affirming'
    ? { check, status: 'ok', message, ms }
    : { check, status: 'problem', message: `${message}; the policy asks for more`, remedy, ms }
}

async function examineOffer(settings: Settings): Promise<Finding> {
  const check = 'machine'
  const offer = await timed(check, () => offeredEvidence(settings))
  if ('failed' in offer)
    return isAbsent(offer.error)
      ? noEvidence('ok', offer.ms)
      : { ...offer.failed, status: 'warning' }
  const akName = offer.value.claimed?.akName
  return akName === undefined
    ? {
        check,
        status: 'ok',
        message: 'not judged; the gateway offers nothing that can be read',
        ms: offer.ms,
      }
    : {
        check,
        status: 'ok',
        message: `not judged; it offers evidence of attestation key ${akName}`,
        remedy: `nomyo attest policy init ${settings.gateway} begins a policy`,
        ms: offer.ms,
      }
}

const noEvidence = (status: 'ok' | 'problem', ms: number): Finding => ({
  check: 'machine',
  status,
  ms,
  ...(status === 'ok'
    ? { message: 'not judged; the gateway offers no evidence' }
    : {
        message: 'there is a policy, and the gateway offers no evidence',
        remedy: 'ask the operator whether its TPM is in use (--tpm), or leave --policy out',
      }),
})

async function examineAccess(settings: Settings, wanted: string | undefined): Promise<Finding> {
  const check = 'access'
  const models = await timed(check, () => listModels(settings))
  if ('failed' in models) return models.failed
  const { value, ms } = models
  const key =
    settings.apiKey === undefined ? 'no API key, and none is needed' : 'the API key is accepted'
  if (value.length === 0) {
    return {
      check,
      status: 'warning',
      message: `${key}, but there are no models`,
      remedy: 'ask the operator',
      ms,
    }
  }
  const model = wanted ?? settings.model
  if (model !== undefined && !value.includes(model)) {
    return {
      check,
      status: 'warning',
      message: `${key}; ${model} is not among the ${String(value.length)} models it names`,
      remedy: 'nomyo chat, then /model lists them',
      ms,
    }
  }
  return { check, status: 'ok', message: `${key}; models: ${brief(value)}`, ms }
}

const brief = (names: readonly string[]): string =>
  names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${String(names.length - 3)} more`

async function examineChat(settings: Settings, key: PublicKey, model: string): Promise<Finding> {
  const check = 'chat'
  const answer = await timed(check, async () => {
    const client = await openClient(settings, {
      timeoutMs: 120_000,
      // The key that was judged above, and nothing is remembered.
      knownServers: {
        fingerprintsOf: () => Promise.resolve([key.fingerprint]),
        add: () => Promise.resolve(),
      },
    })
    try {
      return await client.create({
        model,
        messages: [{ role: 'user', content: 'Say OK.' }],
        max_tokens: 8,
        ...(settings.tier === undefined ? {} : { security_tier: settings.tier }),
      })
    } finally {
      client.dispose()
    }
  })
  if ('failed' in answer) return answer.failed
  const { payload_id: payloadId } = answer.value._metadata
  return {
    check,
    status: 'ok',
    message: `${model} answered, sealed both ways (${payloadId})`,
    ms: answer.ms,
  }
}

type Timed<T> =
  | { readonly value: T; readonly ms: number }
  | { readonly failed: Finding; readonly error: unknown; readonly ms: number }

async function timed<T>(check: string, work: () => Promise<T>): Promise<Timed<T>> {
  const start = performance.now()
  try {
    const value = await work()
    return { value, ms: performance.now() - start }
  } catch (error) {
    const ms = performance.now() - start
    return { failed: { check, status: 'problem', ms, ...explain(error) }, error, ms }
  }
}

function explain(error: unknown): Pick<Finding, 'message' | 'remedy'> {
  if (error instanceof APIError && error.statusCode === 401) {
    return {
      message: 'the gateway does not accept the API key, or needs one',
      remedy: 'put the right one into NOMYO_API_KEY, or name its file with --api-key-file',
    }
  }
  const isNotFound = error instanceof APIError && error.statusCode === 404
  return {
    message: failureOf(error).text.replace(' nomyo doctor looks at every step.', ''),
    remedy: isNotFound
      ? 'is this the base URL of a gateway? It may need a path prefix'
      : 'if this lasts, ask the operator',
  }
}

/** Which variable sends connections elsewhere, if one does. What NO_PROXY names goes directly. */
function proxyVariable(url: URL, environment: NodeJS.ProcessEnv): string | undefined {
  const scheme = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const exempt = (environment['no_proxy'] ?? environment['NO_PROXY'] ?? '').split(/[\s,]+/)
  const isExempt = exempt.some(
    (one) =>
      one === '*' ||
      (one !== '' && url.hostname.endsWith(one.replace(/^\*?\.?/, '').replace(/:\d+$/, ''))),
  )
  if (isExempt) return undefined
  return [scheme, scheme.toUpperCase()].find((name) => (environment[name] ?? '') !== '')
}
