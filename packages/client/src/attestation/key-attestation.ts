import type { AttestationResult, NonceExpectation } from '@nomyo/attest'
import { requireTier } from '@nomyo/attest/errors'
import type { PublicKey } from '@nomyo/crypto'
import { APIError, type Transport } from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'
import type { KeyEvidence } from '../gateway-api/evidence.js'
import { SharedRun } from '../keys/shared-run.js'
import { loadEvidence } from '../load-code.js'
import type { AttestationConfig } from './options.js'

/** Evidence that a machine holds a key, or stands behind a key statement, and the result of its appraisal. */
export interface KeyAttestationResult {
  readonly result: AttestationResult
  /** Absent for a statement. */
  readonly keyEvidence?: {
    readonly spki: Uint8Array
    readonly nonce: Uint8Array
    readonly evidence: unknown
  }
  /** Absent for a key. */
  readonly statementEvidence?: {
    readonly nonce: Uint8Array
    readonly evidence: unknown
  }
}

/** A key whose attestation is in progress or complete. */
interface AttestedKey {
  readonly fingerprint: string
  /** The start of its validity; -Infinity for a result that must not be used again. */
  sinceMs: number
  readonly run: SharedRun<KeyAttestationResult>
}

const NONCE_BYTES = 32
/** The responses of gateways without the endpoint. */
const NO_SUCH_ENDPOINT: readonly (number | undefined)[] = [404, 405, 501]

/**
 * Verifies that the attested machine holds the server key before anything is encrypted to it: its quote
 * carries a hash of the key and of a fresh nonce. A result is valid for one key and a limited time;
 * concurrent calls share one request.
 */
export class KeyAttestation {
  readonly config: AttestationConfig
  readonly #transport: Transport
  readonly #client: ClientConfig
  #current: AttestedKey | undefined
  /** The hash of the last statement attested, and the start of its validity. */
  #statement = { sha256: '', sinceMs: -Infinity }
  /** The last attestation of the current key by each machine that holds it, by its signer. */
  readonly #machines = new Map<string | undefined, KeyAttestationResult>()
  #last: KeyAttestationResult | undefined

  constructor(transport: Transport, client: ClientConfig, config: AttestationConfig) {
    this.config = config
    this.#transport = transport
    this.#client = client
  }

  /**
   * Resolves when the machine has proven at the required tier that it holds this key.
   *
   * @throws AttestationError `ERR_ATTESTATION_FAILED`
   * @throws APIError, APIConnectionError when no evidence can be fetched
   */
  verify(key: PublicKey, signal: AbortSignal): Promise<KeyAttestationResult> {
    const { fingerprint } = key
    let current = this.#current
    if (current?.fingerprint !== fingerprint) this.#machines.clear()
    if (
      current?.fingerprint !== fingerprint ||
      current.run.isOver ||
      performance.now() - current.sinceMs >= this.config.interval
    ) {
      const run = new SharedRun((signal) => this.#attest(key, signal))
      current = this.#current = { fingerprint, sinceMs: performance.now(), run }
    }
    return current.run.wait(signal)
  }

  /**
   * Appraises evidence that the machine stands behind a key statement, at the required tier.
   *
   * @throws AttestationError `ERR_ATTESTATION_FAILED`
   */
  async verifyStatement(
    statement: { readonly bytes: Uint8Array; readonly sha256: string },
    { evidence, nonce }: { readonly evidence: unknown; readonly nonce: Uint8Array },
  ): Promise<KeyAttestationResult> {
    const { bytes, sha256 } = statement
    const sinceMs = performance.now()
    const result = await this.#appraise(evidence, { nonce, statement: bytes })
    if (this.#statement.sha256 !== sha256) this.#machines.clear()
    this.#statement = { sha256, sinceMs }
    return this.#remember({ result, statementEvidence: { nonce, evidence } })
  }

  /** False when a statement needs new evidence before the next request. */
  isStatementFresh(): boolean {
    return performance.now() - this.#statement.sinceMs < this.config.interval
  }

  /**
   * The last attestation of the key, by one machine or by any, to detect a restart since. It outlives
   * {@link KeyAttestation.forget}: an answer refused because of a restart must not pass a second time.
   */
  previous(signer?: string): KeyAttestationResult | undefined {
    return signer === undefined ? this.#last : this.#machines.get(signer)
  }

  /** Requires new evidence before the next request. */
  forget(): void {
    this.#statement.sinceMs = -Infinity
    if (this.#current !== undefined) this.#current.sinceMs = -Infinity
  }

  async #attest(key: PublicKey, signal: AbortSignal): Promise<KeyAttestationResult> {
    const spki = key.spkiDer
    const { evidence, nonce } = await this.#fetch(signal)
    const result = await this.#appraise(evidence, { nonce, spki })
    return this.#remember({ result, keyEvidence: { spki, nonce, evidence } })
  }

  /** Appraises evidence for a key or a statement, and requires the tier. */
  async #appraise(evidence: unknown, nonce: NonceExpectation): Promise<AttestationResult> {
    const { policy, tier, onResult } = this.config
    const result = await policy.appraise(evidence, { nonce, now: new Date() })
    onResult({ subject: 'server-key', result })
    requireTier(result, tier)
    return result
  }

  #remember(attested: KeyAttestationResult): KeyAttestationResult {
    this.#last = attested
    this.#machines.set(attested.result.verified?.qualifiedSigner, attested)
    return attested
  }

  /** A gateway that cannot attest is appraised as one without evidence. */
  async #fetch(signal: AbortSignal): Promise<Pick<KeyEvidence, 'evidence' | 'nonce'>> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
    const { timeout, defaultHeaders: headers } = this.#client
    const { fetchKeyEvidence } = await loadEvidence()
    try {
      return await fetchKeyEvidence(this.#transport, { nonce, timeout, headers, signal })
    } catch (error) {
      if (error instanceof APIError && NO_SUCH_ENDPOINT.includes(error.statusCode)) {
        return { evidence: undefined, nonce }
      }
      throw error
    }
  }
}
