import { requireTier, type AttestationResult } from '@nomyo/attest'
import type { PublicKey } from '@nomyo/crypto'
import { APIError, abortable, type Transport } from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'
import { fetchKeyEvidence, type KeyEvidence } from '../gateway-api/evidence.js'
import type { AttestationConfig } from './options.js'

/** Evidence that a machine holds a key, and the result of its appraisal. */
export interface KeyAttestationResult {
  readonly result: AttestationResult
  readonly keyEvidence: {
    readonly spki: Uint8Array
    readonly nonce: Uint8Array
    readonly evidence: unknown
  }
}

/** A key whose attestation is in progress or complete. */
interface AttestedKey {
  readonly fingerprint: string
  readonly sinceMs: number
  readonly attested: Promise<KeyAttestationResult>
}

/** Properties of a machine that its evidence proves; undefined where no trust anchor endorses it. */
type VerifiedClaims = AttestationResult['verified']

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
  readonly #lifetime = new AbortController()
  #current: AttestedKey | undefined
  #lastClaims: VerifiedClaims

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
    const current = this.#current
    const isValid =
      current?.fingerprint === key.fingerprint &&
      performance.now() - current.sinceMs < this.config.interval
    return abortable(isValid ? current.attested : this.#start(key), signal)
  }

  /**
   * The claims of the machine when it last attested a key, to detect a restart since. They outlive
   * {@link KeyAttestation.forget}: an answer refused because of a restart must not pass a second time.
   */
  previous(): VerifiedClaims {
    return this.#lastClaims
  }

  /** Requires new evidence before the next request. */
  forget(): void {
    this.#current = undefined
  }

  /** Aborts a request in flight. */
  dispose(): void {
    this.#lifetime.abort()
  }

  #start(key: PublicKey): Promise<KeyAttestationResult> {
    const started: AttestedKey = {
      fingerprint: key.fingerprint,
      sinceMs: performance.now(),
      attested: this.#appraise(key),
    }
    this.#current = started
    started.attested.then(
      ({ result }) => {
        this.#lastClaims = result.verified
      },
      // A failure is not kept: the next call fetches new evidence.
      () => {
        if (this.#current === started) this.forget()
      },
    )
    return started.attested
  }

  async #appraise(key: PublicKey): Promise<KeyAttestationResult> {
    const { policy, tier, onResult } = this.config
    const spki = key.spkiDer
    const { evidence, nonce } = await this.#fetch()
    const result = await policy.appraise(evidence, { nonce: { nonce, spki }, now: new Date() })
    onResult({ subject: 'server-key', result })
    requireTier(result, tier)
    return { result, keyEvidence: { spki, nonce, evidence } }
  }

  /** A gateway that cannot attest is appraised as one without evidence. */
  async #fetch(): Promise<Pick<KeyEvidence, 'evidence' | 'nonce'>> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
    const { timeout, defaultHeaders: headers } = this.#client
    const { signal } = this.#lifetime
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
