import { SecurityError } from '@nomyo/crypto'
import type { KeyStatement } from '@nomyo/crypto/wire-2'
import { loadCode } from '../../load-code.js'
import {
  serverKeyChanged,
  serverName,
  type KnownKey,
  type KnownServersStore,
  type ServerKeyEvent,
} from '../../keys/known-servers.js'
import { addFirstKeys, addKeys, knownKeys } from './known-keys.js'
import type { VouchParts } from './vouch.js'

/** A server must not fill the store, where others are recorded as well. */
const MAX_KEYS = 64

/**
 * The reason for the trust in a statement: its identity is pinned, known, or vouched for by an RSA key that
 * is; the machine attested it; it is the first one of this server, and recorded; or nothing.
 */
export type TrustReason = 'pinned' | 'known' | 'vouched' | 'attested' | 'first-use' | 'unverified'

/** The trust in a statement. */
export interface Trust {
  readonly reason: TrustReason
  /** True where neither a pin nor a known key supports it. */
  readonly isUnknown: boolean
  /** Fingerprint of the identity that is trusted. */
  readonly identity: string
  /**
   * Records the keys of the server among the known ones. To be called when everything else has accepted
   * the statement.
   *
   * @throws SecurityError `ERR_SERVER_KEY_CHANGED` where another program recorded others meanwhile
   */
  readonly record: (signal: AbortSignal) => Promise<void>
}

/**
 * Decides whether to trust the identities that signed a statement. Pins and known servers must agree, each
 * where there is one: they name an identity, or the RSA key of the same gateway, which then has to vouch.
 */
export class StatementTrust {
  readonly #parts: VouchParts
  readonly #server: string
  /** Identities, and the RSA key that vouched for a statement of theirs. */
  readonly #vouched = new Map<string, string>()
  readonly #announced = new Set<string>()

  constructor(parts: VouchParts) {
    this.#parts = parts
    this.#server = serverName(parts.config.baseUrl)
  }

  /**
   * @throws SecurityError `ERR_KEY_MISMATCH` where pins are given and support nothing;
   * `ERR_SERVER_KEY_CHANGED` where other keys are known
   * @throws APIError, APIConnectionError when the gateway does not answer a question
   */
  async check(statement: KeyStatement, signal: AbortSignal): Promise<Trust> {
    const store = this.#parts.config.knownServers
    const stored = store === undefined ? [] : await knownKeys(store, this.#server)
    return this.#verify(statement, stored, signal)
  }

  async #verify(
    statement: KeyStatement,
    stored: readonly KnownKey[],
    signal: AbortSignal,
  ): Promise<Trust> {
    const { serverKeyPins: pins, knownServers: store } = this.#parts.config
    const known = stored.map(({ fingerprint }) => fingerprint)
    const { identities } = statement
    const pinned = identities.find((identity) => pins.includes(identity))
    const remembered = identities.find((identity) => known.includes(identity))
    if (pins.length > 0 && pinned === undefined) {
      if (!(await this.#isVouched(statement, pins, signal))) throw notPinned(statement)
    }
    if (known.length > 0 && remembered === undefined) {
      if (!(await this.#isVouched(statement, known, signal))) {
        throw serverKeyChanged(this.#event('changed', identities, known), this.#parts.config)
      }
    }
    const isUnknown = pins.length === 0 && known.length === 0
    if (isUnknown) this.#requireOneSigner(statement)
    const identity = pinned ?? remembered ?? identities[0] ?? ''
    return {
      reason: isUnknown
        ? store === undefined
          ? 'unverified'
          : 'first-use'
        : reasonOf(pins, pinned, remembered),
      isUnknown,
      identity,
      record: async (signal) => {
        if (store !== undefined) await this.#record(store, stored, statement, identity, signal)
      },
    }
  }

  /** A statement of which nothing is known yet must leave no doubt about its signer. */
  #requireOneSigner(statement: KeyStatement): void {
    const isQuoted = this.#parts.config.attestation?.when === 'before-send'
    if (isQuoted || statement.identities.length > 1) requireNames(statement)
  }

  /** Asks once for every identity: what it signs later needs no further question. */
  async #isVouched(
    statement: KeyStatement,
    accepted: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    requireNames(statement)
    const { identities } = statement
    if (identities.some((identity) => accepted.includes(this.#vouched.get(identity) ?? ''))) {
      return true
    }
    const { findVouchingKey } = await loadVouch()
    const key = await findVouchingKey(accepted, statement, this.#parts, signal)
    if (key === undefined) return false
    for (const identity of identities) this.#vouched.set(identity, key.fingerprint)
    return true
  }

  async #record(
    store: KnownServersStore,
    stored: readonly KnownKey[],
    statement: KeyStatement,
    identity: string,
    signal: AbortSignal,
  ): Promise<void> {
    // Any stranger can sign a statement that does not say who may.
    const identities = statement.namesIdentities ? statement.identities : [identity]
    const keys: KnownKey[] = [
      ...identities.map((fingerprint) => ({ fingerprint, wire: 2 as const })),
      // Clients that know wire 1 alone read the same store.
      ...statement.rsaKeys.map((fingerprint) => ({ fingerprint })),
    ]
    const known = stored.map(({ fingerprint }) => fingerprint)
    if (stored.length === 0) {
      const before = await addFirstKeys(store, this.#server, keys.slice(0, MAX_KEYS))
      if (before.length === 0) {
        this.#announce('first-use', identities, known)
        return
      }
      // Another program was first.
      await (await this.#verify(statement, before, signal)).record(signal)
      return
    }
    const isStored = (key: KnownKey): boolean =>
      stored.some((other) => isSameKey(key, other, store))
    const missing = keys.filter((key) => !isStored(key))
    const added = missing.slice(0, Math.max(0, MAX_KEYS - stored.length))
    if (added.length > 0) await this.#learn(store, added)
    if (added.length < missing.length) {
      this.#parts.config.log.warn(
        `${this.#server} has more than ${String(MAX_KEYS)} keys: not all of them are recorded`,
      )
    }
    const isKnown = identities.some((one) => known.includes(one))
    this.#announce(isKnown ? 'known' : 'vouched', identities, known)
  }

  /** The trust in a known server does not depend on more keys of it: a store may be read-only. */
  async #learn(store: KnownServersStore, added: readonly KnownKey[]): Promise<void> {
    try {
      await addKeys(store, this.#server, added)
    } catch (error) {
      if (!(error instanceof SecurityError && error.code === 'ERR_KEY_FILE')) throw error
      this.#parts.config.log.warn(
        `new keys of ${this.#server} could not be recorded (${error.code})`,
      )
    }
  }

  /** Reports every identity once. */
  #announce(
    type: ServerKeyEvent['type'],
    identities: readonly string[],
    known: readonly string[],
  ): void {
    const event = this.#event(type, identities, known)
    if (this.#announced.has(event.fingerprint)) return
    this.#announced.add(event.fingerprint)
    this.#parts.config.onServerKey(event)
  }

  #event(
    type: ServerKeyEvent['type'],
    identities: readonly string[],
    known: readonly string[],
  ): ServerKeyEvent {
    const fingerprint = identities.find((one) => known.includes(one)) ?? identities[0] ?? ''
    return { type, server: this.#server, fingerprint, known, wire: 2 }
  }
}

/** A store of fingerprints alone cannot say which wire a key serves. */
const isSameKey = (key: KnownKey, stored: KnownKey, store: KnownServersStore): boolean =>
  key.fingerprint === stored.fingerprint &&
  (key.wire === undefined || key.wire === stored.wire || store.addKeys === undefined)

/**
 * Loads the part that uses RSA keys, which most clients never need.
 *
 * @throws APIConnectionError `ERR_NETWORK`
 */
const loadVouch = (): Promise<typeof import('./vouch.js')> =>
  loadCode(() => import('./vouch.js'), 'the question for a vouch')

function reasonOf(
  pins: readonly string[],
  pinned: string | undefined,
  remembered: string | undefined,
): TrustReason {
  if (pinned !== undefined) return 'pinned'
  return remembered !== undefined && pins.length === 0 ? 'known' : 'vouched'
}

/** A proof for a statement covers those who signed it only where it names them. */
function requireNames({ namesIdentities }: KeyStatement): void {
  if (namesIdentities) return
  throw new SecurityError(
    'ERR_STATEMENT_INVALID',
    'The key statement does not name its identity keys, so a proof for it does not cover its signer. ' +
      'Pin its identity key, or update the gateway.',
  )
}

const notPinned = ({ identities }: KeyStatement): SecurityError =>
  new SecurityError(
    'ERR_KEY_MISMATCH',
    `The identity ${identities.join(' or ')} is not pinned, and no pinned RSA key vouches for it. If it is ` +
      'new, get its fingerprint out of band.',
  )
