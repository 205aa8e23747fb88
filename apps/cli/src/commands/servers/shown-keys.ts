import { EXIT } from '@nomyo-internal/command-line'
import type { KnownKey } from '@nomyo/client'
import type { KnownServer } from '@nomyo/client/known-servers'
import type { KeyStatement } from '@nomyo/crypto/wire-2'
import { CommandError, describeError } from '../../describe-error.js'
import { fetchServerKey } from '../../gateway/fetch.js'
import { fetchKeyStatement } from '../../gateway/key-statement.js'
import { describeStatement } from '../../output/key-statement.js'
import type { GatewayAddress } from '../../settings/gateway-settings.js'

/** Keys that a known server shows now. */
export interface ServerState {
  readonly facts: object
  readonly lines: readonly string[]
  readonly exitCode: number
}

/** Asks a server for its keys, and compares them with the known ones. Errors become the state. */
export async function stateOf(
  gateway: string,
  allowHttp: boolean,
  known: readonly KnownServer[],
): Promise<ServerState> {
  const fingerprints = known.map(({ fingerprint }) => fingerprint)
  try {
    const statement = await fetchKeyStatement({ gateway, allowHttp })
    const shown = statement?.identities ?? [
      (await fetchServerKey({ gateway, allowHttp })).fingerprint,
    ]
    const isKnown = shown.some((one) => fingerprints.includes(one))
    // The key of wire 1 is no proof for a server that had wire 2 before.
    const isDowngraded = statement === undefined && known.some(({ wire }) => wire === 2)
    const keys =
      statement === undefined ? [`wire 1: ${shown.join('')}`] : describeStatement(statement)
    const verdict = isDowngraded
      ? 'known to speak wire 2, but does not offer it now: clients refuse it'
      : isKnown
        ? 'known'
        : 'NOT known: clients refuse it, unless a known key vouches for it'
    return {
      facts: {
        wire: statement === undefined ? 1 : 2,
        ...(statement && { statement_sha256: statement.sha256 }),
        shown,
        known: isKnown && !isDowngraded,
      },
      lines: [...keys, verdict],
      exitCode: isKnown && !isDowngraded ? EXIT.ok : EXIT.security,
    }
  } catch (error) {
    const { text, exitCode } = describeError(error)
    return { facts: { error: text }, lines: [text], exitCode }
  }
}

/**
 * Chooses the key of a gateway to trust: its identity of wire 2, its server key where it offers none, or
 * the one that is named.
 *
 * @returns its fingerprint, and all keys to record
 * @throws CommandError where the gateway does not show the named one
 */
export async function chooseKeys(
  address: GatewayAddress,
  expected: string | undefined,
): Promise<{ fingerprint: string; keys: readonly KnownKey[] }> {
  const statement = await fetchKeyStatement(address)
  const identities = statement?.identities ?? []
  const [identity] =
    expected === undefined ? identities : identities.filter((one) => one === expected)
  if (statement !== undefined && identity !== undefined) {
    return { fingerprint: identity, keys: recordedKeys(statement, identity) }
  }
  const { fingerprint } = await fetchServerKey(address)
  if (expected === undefined || expected === fingerprint) {
    return { fingerprint, keys: [{ fingerprint }] }
  }
  const shown = [...identities, fingerprint].join(' and ')
  throw new CommandError(
    `${address.gateway} shows the key ${shown}, which is not the one you named. Nothing was changed.`,
    EXIT.security,
  )
}

/** Lists the keys that a client records with an identity: programs for wire 1 read the same file. */
function recordedKeys(statement: KeyStatement, identity: string): readonly KnownKey[] {
  // Any key can sign a statement that does not name its signers.
  const others = statement.namesIdentities ? statement.identities : []
  const identities = [...new Set([identity, ...others])]
  return [
    ...identities.map((fingerprint) => ({ fingerprint, wire: 2 as const })),
    ...statement.rsaKeys.map((fingerprint) => ({ fingerprint })),
  ]
}
