import { requireTier, type AttestationResult } from '@nomyo/attest'
import type { PublicKey } from '@nomyo/crypto'
import {
  abortable,
  errorFromResponse,
  startDeadline,
  type Transport,
  type TransportResponse,
} from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'
import type { AttestationConfig } from './options.js'

/** The machine's word for a key, and what was found when it was judged. */
export interface KeyAttestationResult {
  readonly result: AttestationResult
  /** What was judged; absent where a canary stood in for it. */
  readonly keyEvidence?: {
    readonly spki: Uint8Array
    readonly nonce: Uint8Array
    readonly evidence: unknown
  }
}

/** A key the machine has vouched for, or is being asked to. */
interface AttestedKey {
  readonly fingerprint: string
  readonly sinceMs: number
  /** Whether a canary may have stood in for the machine's own word. */
  readonly mayBeCanary: boolean
  readonly voucher: Promise<KeyAttestationResult>
}

/** What a machine has proven of itself; undefined where nobody vouches for it. */
type Facts = AttestationResult['verified']

/** Asks another way whether such a machine answers: for servers that cannot vouch for their key. */
export type Canary = (signal: AbortSignal) => Promise<AttestationResult>

/** Evidence with every PCR of every bank takes under 20 KB. */
const MAX_EVIDENCE_BYTES = 64 * 1024
const NONCE_BYTES = 32
/** What servers answer that do not know the question. */
const NO_SUCH_ENDPOINT = [404, 405, 501]

/**
 * Has the machine vouch for its server key before anything is sealed for it (quote-bound key: the
 * quote carries the hash of the key and of a nonce made here). A verdict holds for one key and a
 * while; calls at the same time share the asking.
 */
export class KeyAttestation {
  readonly #transport: Transport
  readonly #config: ClientConfig
  readonly #attestation: AttestationConfig
  readonly #lifetime = new AbortController()
  #vouched: AttestedKey | undefined
  #lastFacts: Facts
  /** Whether the server has vouched for a key itself: then no canary stands in for it any more. */
  #knowsHow = false

  constructor(transport: Transport, config: ClientConfig, attestation: AttestationConfig) {
    this.#transport = transport
    this.#config = config
    this.#attestation = attestation
  }

  /**
   * Resolves when the machine has vouched for this key at the wanted tier.
   *
   * @throws AttestationError `ERR_ATTESTATION_FAILED`
   * @throws APIError, APIConnectionError when it cannot be asked
   */
  attest(key: PublicKey, signal: AbortSignal, canary?: Canary): Promise<KeyAttestationResult> {
    const held = this.#held(key, canary !== undefined)
    return abortable(held ?? this.#ask(key, canary), signal)
  }

  /**
   * The facts of the machine when it last vouched for a key, so that a restart since is noticed. They
   * outlive {@link forget}: an answer refused for a restart must not be accepted at the second try.
   */
  previous(): Facts {
    return this.#lastFacts
  }

  /** Asks anew before the next request. */
  forget(): void {
    this.#vouched = undefined
  }

  /** Ends an asking that is under way. */
  dispose(): void {
    this.#lifetime.abort()
  }

  #held(
    { fingerprint }: PublicKey,
    canaryWillDo: boolean,
  ): Promise<KeyAttestationResult> | undefined {
    const held = this.#vouched
    if (held?.fingerprint !== fingerprint) return undefined
    if (held.mayBeCanary && !canaryWillDo) return undefined
    const ageMs = performance.now() - held.sinceMs
    return ageMs < this.#attestation.intervalMs ? held.voucher : undefined
  }

  #ask(key: PublicKey, canary: Canary | undefined): Promise<KeyAttestationResult> {
    const vouched: AttestedKey = {
      fingerprint: key.fingerprint,
      sinceMs: performance.now(),
      mayBeCanary: canary !== undefined && !this.#knowsHow,
      voucher: this.#appraise(key, canary),
    }
    this.#vouched = vouched
    vouched.voucher.then(
      ({ result }) => {
        this.#lastFacts = result.verified
      },
      // A failure is not kept: the next call asks anew.
      () => {
        if (this.#vouched === vouched) this.forget()
      },
    )
    return vouched.voucher
  }

  async #appraise(key: PublicKey, canary: Canary | undefined): Promise<KeyAttestationResult> {
    // Shared by calls that may come and go: it has a deadline of its own.
    const deadline = startDeadline(this.#config.timeoutMs, [this.#lifetime.signal])
    try {
      return await this.#judge(key, canary, deadline.signal)
    } finally {
      deadline.clear()
    }
  }

  async #judge(
    key: PublicKey,
    canary: Canary | undefined,
    signal: AbortSignal,
  ): Promise<KeyAttestationResult> {
    const { policy, tier, onResult } = this.#attestation
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
    const response = await this.#fetch(nonce, signal)
    const unknown = NO_SUCH_ENDPOINT.includes(response.status)
    if (unknown && canary !== undefined && !this.#knowsHow) return { result: await canary(signal) }
    // Otherwise judged as what it is, no evidence.
    if (response.status !== 200 && !unknown) throw errorFromResponse(response)
    const spki = key.spkiDer
    const evidence = unknown ? undefined : evidenceIn(response.body)
    const result = await policy.appraise(evidence, { nonce: { nonce, spki }, now: new Date() })
    onResult({ subject: 'server-key', result })
    requireTier(result, tier)
    this.#knowsHow = true
    return { result, keyEvidence: { spki, nonce, evidence } }
  }

  #fetch(nonce: Uint8Array, signal: AbortSignal): Promise<TransportResponse> {
    return this.#transport.send({
      method: 'GET',
      path: `/pki/attestation?nonce=${base64url(nonce)}`,
      // No Authorization: whoever answers here is not yet known.
      headers: { ...this.#config.defaultHeaders, accept: 'application/json' },
      maxResponseBytes: MAX_EVIDENCE_BYTES,
      signal,
    })
  }
}

/** The evidence in an answer; whatever else it says, also which key it is for, is not needed. */
function evidenceIn(body: Uint8Array): unknown {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(body))
    const holds =
      typeof answer === 'object' && answer !== null && Object.hasOwn(answer, 'tpm_attestation')
    return holds ? (answer as Record<string, unknown>)['tpm_attestation'] : undefined
  } catch {
    return undefined
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
