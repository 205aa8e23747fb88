import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { SecureChatCompletion, type KnownServersStore, type WireInfo } from '@nomyo/client'
import { knownServersFile } from '@nomyo/client/known-servers'
import type { KeyStatement } from '@nomyo/crypto/wire-2'
import { describeError } from '../describe-error.js'
import { openClient } from '../gateway/client.js'
import { describeWire } from '../output/wire.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'

/** Known servers that are read, and never changed. */
export function readOnlyServers(path: string): KnownServersStore {
  const { fingerprintsOf, keysOf } = knownServersFile(path)
  return {
    fingerprintsOf,
    keysOf,
    add: () => Promise.resolve(),
    addKeys: () => Promise.resolve([]),
  }
}

/** Has a client choose the wire as a request does; without the API key, and without the machine. */
export async function chooseWire(settings: GatewaySettings): Promise<WireInfo> {
  const client: SecureChatCompletion = await openClient(
    { ...settings, apiKey: undefined, policy: undefined },
    { knownServers: readOnlyServers(settings.knownServers), timeoutMs: 30_000 },
  )
  try {
    return await client.chooseWire({ maxRetries: 0 })
  } finally {
    client.dispose()
  }
}

/** Describes the trust in the identity that signed a key statement. */
export async function checkIdentity(
  settings: GatewaySettings,
): Promise<{ finding: Finding; wire?: WireInfo }> {
  const { gateway } = settings
  try {
    const wire = await chooseWire(settings)
    switch (wire.reason) {
      case 'pinned':
      case 'known':
        return { wire, finding: ok(wire.reason) }
      case 'vouched':
        return { wire, finding: ok('vouched for by a pinned or known server key') }
      default:
        return {
          wire,
          finding: warning(
            'not known yet: the identity key will be trusted on first use',
            `compare the fingerprint with the operator, then: nomyo servers trust ${gateway}`,
          ),
        }
    }
  } catch (error) {
    return {
      finding: problem(
        describeError(error).text.split('\n')[0] ?? '',
        `ask the operator out of band; only if it is genuine: nomyo servers forget ${gateway}`,
      ),
    }
  }
}

/** Describes the wire of requests, and the reason. */
export function describeChoice(wire: WireInfo, offered: KeyStatement | undefined): Finding {
  if (wire.wire === 1 && offered !== undefined) {
    return warning(
      `${describeWire(wire)}, though the gateway offers wire 2`,
      'omit --wire 1: wire 2 is post-quantum, and hides the API key from the network path',
    )
  }
  return ok(describeWire(wire))
}
