import {
  loadHybridKem,
  parseKeyStatement,
  type Kem,
  type KeyConfig,
  type KeyStatement,
} from '@nomyo/crypto/wire-2'
import { SecurityError } from '@nomyo/crypto'
import { APIError, type Transport } from '@nomyo/transport'
import type { KeyAttestation, KeyAttestationResult } from '../attestation/key-attestation.js'
import { timeStep } from '../completion/step-timer.js'
import type { ClientConfig } from '../config/options.js'
import { fetchStatement } from '../gateway-api/statement.js'
import { loadCode, loadEvidence } from '../load-code.js'
import { serverName } from '../keys/known-servers.js'
import type { ServerKey } from '../wire-1/server-key.js'
import { SharedRun } from '../keys/shared-run.js'
import { knownKeys } from './trust/known-keys.js'
import { StatementTrust, type Trust, type TrustReason } from './trust/statement-trust.js'

/** The wire for a request, with everything that is needed to encrypt for it. */
export type WireChoice = Wire1Choice | Wire2Choice

/** Wire 1. */
export interface Wire1Choice {
  readonly wire: 1
  readonly reason: 'configured' | 'not-offered'
}

/** Wire 2, with the request key of a statement that is trusted. */
export interface Wire2Choice {
  readonly wire: 2
  /** The strongest reason for the trust in the statement. */
  readonly reason: TrustReason
  /** Fingerprint of the identity that is trusted. */
  readonly identity: string
  readonly statement: KeyStatement
  /** The statement with its signatures, as received. */
  readonly document: Uint8Array
  readonly config: KeyConfig
  readonly kem: Kem
  /** Attestation of this very statement, where it is required before sending. */
  readonly attested: KeyAttestationResult | undefined
}

/** The parts of a client that the choice depends on. */
export interface SelectionParts {
  readonly transport: Transport
  readonly config: ClientConfig
  readonly attestation: KeyAttestation | undefined
  readonly serverKey: Pick<ServerKey, 'get'>
}

/** A choice, and the end of its use. */
interface HeldChoice {
  readonly choice: WireChoice
  readonly staleAtMs: number
}

/** A statement as received, and as read. */
interface Offer {
  readonly document: Uint8Array
  readonly statement: KeyStatement
}

/** A server without wire 2 is asked again after this. */
const NOT_OFFERED_FOR_MS = 60 * 60 * 1000
/** A clock that is ahead must not cause a fetch for every request. */
const SHORTEST_USE_MS = 60 * 1000
const NONCE_BYTES = 32
/** The responses of gateways that give no evidence. */
const NO_EVIDENCE: readonly (number | undefined)[] = [404, 405, 501]
/** HKDF-SHA256 and AES-256-GCM. */
const SUITE = { kdfId: 1, aeadId: 2 }

/**
 * Chooses the wire: 2 where the gateway offers a key statement that is trusted, 1 only where it says that
 * it has none and nothing contradicts it. Statements are fetched once for all requests, and again when
 * they have served their time or the gateway no longer has their keys.
 */
export class WireSelection {
  readonly #parts: SelectionParts
  readonly #trust: StatementTrust
  #held: SharedRun<HeldChoice> | undefined
  /** Records first uses of choices whose answers have to be appraised first. */
  readonly #unrecorded = new WeakMap<WireChoice, Trust['record']>()
  #kem: Promise<Kem> | undefined
  /** This server offered a statement that was trusted, or an answer said that there is one. */
  #hasWire2 = false
  /** The last answer to the question was that there is no wire 2. */
  #isDenied = false

  constructor(parts: SelectionParts) {
    this.#parts = parts
    this.#trust = new StatementTrust(parts)
  }

  /**
   * Returns the choice for a request. Concurrent callers share one fetch. A caller that gives up does not
   * end it for the others.
   *
   * @throws SecurityError `ERR_WIRE_DOWNGRADE`; `ERR_STATEMENT_INVALID`, `ERR_STATEMENT_EXPIRED`,
   * `ERR_KEY_INVALID` for a statement that cannot be used; `ERR_KEY_MISMATCH`, `ERR_SERVER_KEY_CHANGED` for
   * one that must not be trusted
   * @throws AttestationError `ERR_ATTESTATION_FAILED`
   * @throws APIError, APIConnectionError when the gateway does not answer the question
   */
  async choose(signal: AbortSignal): Promise<WireChoice> {
    return (await this.#unless((held) => this.#isStale(held), signal)).choice
  }

  /**
   * Fetches the statement anew after the gateway refused a request for the keys of the one with this hash;
   * resolves with whether there is another.
   */
  async renew(usedSha256: string, signal: AbortSignal): Promise<boolean> {
    const isUsed = ({ choice }: HeldChoice): boolean =>
      choice.wire === 2 && choice.statement.sha256 === usedSha256
    return !isUsed(await this.#unless(isUsed, signal))
  }

  /** Records a first use whose answer had to be appraised first; else {@link WireSelection.choose} did. */
  async accept(choice: WireChoice, signal: AbortSignal): Promise<void> {
    await this.#unrecorded.get(choice)?.(signal)
    this.#unrecorded.delete(choice)
  }

  /**
   * Takes note that an encrypted answer on wire 1 says that the gateway speaks wire 2. Where it seemed not to,
   * this client refuses wire 1 from now on, until it has seen a good statement.
   *
   * @throws SecurityError `ERR_WIRE_DOWNGRADE` where the gateway seemed to have no wire 2
   */
  refuseDowngrade(): void {
    if (!this.#isDenied) return
    this.#hasWire2 = true
    throw this.#downgrade('an encrypted answer says that it offers wire 2')
  }

  async #unless(isStale: (held: HeldChoice) => boolean, signal: AbortSignal): Promise<HeldChoice> {
    const before = this.#held
    const run = this.#current()
    const held = await run.wait(signal)
    // One that this caller started is as new as can be.
    if (run !== before || !isStale(held)) return held
    if (this.#held === run) this.#start()
    return this.#current().wait(signal)
  }

  #current(): SharedRun<HeldChoice> {
    return this.#held === undefined || this.#held.isOver ? this.#start() : this.#held
  }

  #start(): SharedRun<HeldChoice> {
    this.#held = new SharedRun((signal) => this.#select(signal))
    return this.#held
  }

  #isStale({ choice, staleAtMs }: HeldChoice): boolean {
    if (performance.now() >= staleAtMs) return true
    if (choice.wire === 1) return this.#hasWire2
    // The other clock stands still while a machine sleeps.
    if (nowSeconds() > choice.statement.notAfter) return true
    return choice.attested !== undefined && this.#parts.attestation?.isStatementFresh() === false
  }

  async #select(signal: AbortSignal): Promise<HeldChoice> {
    try {
      return await this.#selectOnce(signal)
    } catch (error) {
      // The statement changed between two requests.
      if (error instanceof APIError && error.statusCode === 409) return this.#selectOnce(signal)
      throw error
    }
  }

  async #selectOnce(signal: AbortSignal): Promise<HeldChoice> {
    const { config } = this.#parts
    const offered = await this.#fetch(signal)
    if (offered === undefined) return this.#useWire1(signal)
    const trusted = await this.#trust.check(offered.statement, signal)
    const { document, statement, attested } = await this.#attest(offered, signal)
    const isSame = statement.sha256 === offered.statement.sha256
    const trust = isSame ? trusted : await this.#trust.check(statement, signal)
    const kem = await this.#loadKem()
    const choice: Wire2Choice = {
      wire: 2,
      reason: trust.isUnknown && attested !== undefined ? 'attested' : trust.reason,
      identity: trust.identity,
      statement,
      document,
      config: usableConfig(statement, kem),
      kem,
      attested,
    }
    if (config.attestation?.when === 'after-response') this.#unrecorded.set(choice, trust.record)
    else await trust.record(signal)
    this.#hasWire2 = true
    this.#isDenied = false
    config.log.debug(`wire 2 (${choice.reason}), key statement ${statement.sha256}`)
    return { choice, staleAtMs: performance.now() + usableForMs(statement) }
  }

  async #fetch(signal: AbortSignal): Promise<Offer | undefined> {
    const { transport, config } = this.#parts
    const { timeout, defaultHeaders: headers } = config
    try {
      const { document } = await fetchStatement(transport, { timeout, headers, signal })
      return await readOffer(document)
    } catch (error) {
      // This answer alone says that there is none; every other failure may be the work of an attacker.
      if (error instanceof APIError && error.statusCode === 404) return undefined
      throw error
    }
  }

  /** Has the machine attest its statement where the configuration requires that before sending. */
  async #attest(
    offered: Offer,
    signal: AbortSignal,
  ): Promise<Offer & Pick<Wire2Choice, 'attested'>> {
    const { attestation, config } = this.#parts
    if (attestation?.config.when !== 'before-send') return { ...offered, attested: undefined }
    const attesting = async (): Promise<Offer & Pick<Wire2Choice, 'attested'>> => {
      const { evidence, nonce, ...offer } = await this.#fetchEvidence(offered, signal)
      const attested = await attestation.verifyStatement(offer.statement, { evidence, nonce })
      return { ...offer, attested }
    }
    return timeStep('attest', attesting(), config)
  }

  /** A gateway that cannot attest is appraised as one without evidence. */
  async #fetchEvidence(
    offered: Offer,
    signal: AbortSignal,
  ): Promise<Offer & { evidence: unknown; nonce: Uint8Array }> {
    const { transport, config } = this.#parts
    const { timeout, defaultHeaders: headers } = config
    const { fetchStatementEvidence } = await loadEvidence()
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
    try {
      const answer = await fetchStatementEvidence(transport, { nonce, timeout, headers, signal })
      const { document, evidence } = answer
      if (document === undefined)
        throw this.#downgrade('its evidence comes without a key statement')
      return { ...(await readOffer(document)), evidence, nonce }
    } catch (error) {
      if (error instanceof APIError && NO_EVIDENCE.includes(error.statusCode)) {
        return { ...offered, evidence: undefined, nonce }
      }
      throw error
    }
  }

  async #useWire1(signal: AbortSignal): Promise<HeldChoice> {
    const { config, serverKey } = this.#parts
    const contradiction = await this.#contradiction()
    if (contradiction !== undefined) throw this.#downgrade(contradiction)
    if (config.serverKeyPins.length > 0) {
      try {
        await serverKey.get(signal)
      } catch (error) {
        if (error instanceof SecurityError && error.code === 'ERR_KEY_MISMATCH') {
          throw this.#downgrade(
            'no pin matches its RSA key: one may be of its identity key, or wrong',
          )
        }
        throw error
      }
    }
    this.#isDenied = true
    config.log.debug('wire 1: the gateway does not offer wire 2')
    return {
      choice: { wire: 1, reason: 'not-offered' },
      staleAtMs: performance.now() + NOT_OFFERED_FOR_MS,
    }
  }

  /** Returns what speaks against a gateway that says it has no wire 2. */
  async #contradiction(): Promise<string | undefined> {
    const { baseUrl, wire, attestation, knownServers } = this.#parts.config
    if (wire === 2) return 'wire: 2 requires it'
    if (attestation?.minWire === 2) return 'attestation.minWire: 2 requires it'
    if (this.#hasWire2) return 'it has offered wire 2 before'
    if (knownServers === undefined) return undefined
    const known = await knownKeys(knownServers, serverName(baseUrl))
    return known.some((key) => key.wire === 2) ? 'it is known to offer wire 2' : undefined
  }

  #downgrade(contradiction: string): SecurityError {
    return new SecurityError(
      'ERR_WIRE_DOWNGRADE',
      `${serverName(this.#parts.config.baseUrl)} seems not to offer wire 2, but ${contradiction}. Nothing more is ` +
        'sent. This may be an attack, or an older gateway in its place: ask its operator.',
    )
  }

  /**
   * Loads the KEM once; a failure does not last.
   *
   * @throws APIConnectionError `ERR_NETWORK`
   */
  async #loadKem(): Promise<Kem> {
    this.#kem ??= loadCode(loadHybridKem, 'the KEM')
    try {
      return await this.#kem
    } catch (error) {
      this.#kem = undefined
      throw error
    }
  }
}

async function readOffer(document: Uint8Array): Promise<Offer> {
  return { document, statement: await parseKeyStatement(document, { now: nowSeconds() }) }
}

const nowSeconds = (): number => Date.now() / 1000

/** The first half of its life: then the gateway has the next one. */
function usableForMs({ notBefore, notAfter }: KeyStatement): number {
  return Math.max(SHORTEST_USE_MS, ((notBefore + notAfter) / 2 - nowSeconds()) * 1000)
}

function usableConfig({ keys }: KeyStatement, kem: Kem): KeyConfig {
  const config = keys.find(
    ({ kemId, suites }) =>
      kemId === kem.id &&
      suites.some(({ kdfId, aeadId }) => kdfId === SUITE.kdfId && aeadId === SUITE.aeadId),
  )
  if (config !== undefined) return config
  throw new SecurityError(
    'ERR_STATEMENT_INVALID',
    'The key statement has no key for MLKEM768-X25519, HKDF-SHA256 and AES-256-GCM.',
  )
}
