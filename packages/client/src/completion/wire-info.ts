import type { KemImplementation, KemName, KeyStatement } from '@nomyo/crypto/wire-2'
import type { WireChoice } from '../wire-2/selection.js'
import type { SessionContext } from './attempt.js'
import { timeChoice } from './step-timer.js'

/** The wire that a client uses, and the key that it trusts for it. */
export interface WireInfo {
  readonly wire: 1 | 2
  /**
   * On wire 1: `configured`, or `not-offered` by the gateway. On wire 2, the strongest reason for the trust:
   * the identity is `pinned` or `known`; the holder of an RSA key that is has `vouched`; the machine
   * `attested` the statement; it is the `first-use` of this server, and recorded; or nothing (`unverified`).
   */
  readonly reason: WireChoice['reason']
  /** Of the identity key on wire 2, of the RSA key on wire 1: `sha256/...` */
  readonly fingerprint: string
  /** The key statement, on wire 2. */
  readonly statement?: KeyStatement
  /** The KEM, and its implementation in this runtime, on wire 2. */
  readonly kem?: { readonly name: KemName; readonly implementation: KemImplementation }
}

/** Makes the checks of a request up to its encryption. */
export async function describeWire(
  context: SessionContext,
  signal: AbortSignal,
): Promise<WireInfo> {
  const choice = await timeChoice(context.wires.choose(signal), context.config)
  const { wire, reason } = choice
  if (choice.wire === 2) {
    const { identity, statement } = choice
    const { name, implementation } = choice.kem
    return { wire, reason, fingerprint: identity, statement, kem: { name, implementation } }
  }
  const { serverKey } = await (await context.wires.loadWire1()).attestedKey(signal)
  return { wire, reason, fingerprint: serverKey.fingerprint }
}
