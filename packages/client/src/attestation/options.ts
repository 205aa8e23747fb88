import type { AttestationPolicy, AttestationResult } from '@nomyo/attest'
import { callback, integer, invalidOption, oneOf, refuseUnknown } from '../config/checks.js'

/** When and how a client judges the machine it talks to. */
export interface AttestationOptions {
  /**
   * What is expected of the machine, made with `attestationPolicy` of `@nomyo/attest`. The client adds
   * the nonce and the time; the same policy is held against the server key and against every answer.
   */
  policy: AttestationPolicy
  /**
   * `before-send`: nothing is sealed until the machine has vouched for the very key it is sealed for;
   * answers are judged, too. `after-response`: answers only, when the prompt has been read already.
   * Default `before-send`.
   */
  when?: 'before-send' | 'after-response' | undefined
  /**
   * What has to be reached. `none` accepts machines nobody vouches for, as long as nothing contradicts
   * the policy: it protects from nothing. Default `affirming`.
   */
  tier?: 'affirming' | 'warning' | 'none' | undefined
  /** Milliseconds for which a server key counts as vouched for. Default 300,000 (5 minutes). */
  interval?: number | undefined
  /**
   * What answers' quotes carry: the hash of the payload id, or the id itself. Default `sha256`. `raw`
   * goes with `after-response` only: a machine that signs any text may be made to sign a key.
   */
  payloadIdMode?: 'sha256' | 'raw' | undefined
  /**
   * For servers that cannot vouch for their key: asks this model for one token first, with a fixed
   * text, and judges the evidence of that answer. Weaker: it shows that such a machine answers there,
   * not that it holds the key, and another one may get the next request. A server that has vouched for
   * a key once is not believed to have forgotten how. Default: such servers are refused.
   */
  canary?: { readonly model: string } | undefined
  /** Told of every result, good or bad, before anything else happens with it. */
  onResult?: ((event: AttestationEvent) => void) | undefined
}

/** One result. */
export interface AttestationEvent {
  /** What the evidence was about: the server's key, the answer to a canary, or an answer. */
  readonly subject: 'server-key' | 'canary' | 'answer'
  readonly result: AttestationResult
  /** The request answered; absent for the server's key. */
  readonly payloadId?: string
}

/** The options, checked and complete. */
export interface AttestationConfig {
  readonly policy: AttestationPolicy
  readonly when: 'before-send' | 'after-response'
  readonly tier: 'affirming' | 'warning' | 'none'
  readonly intervalMs: number
  readonly payloadIdMode: 'sha256' | 'raw'
  readonly canary: { readonly model: string } | undefined
  readonly onResult: (event: AttestationEvent) => void
}

const DEFAULT_INTERVAL_MS = 5 * 60 * 1000
const LONGEST_INTERVAL_MS = 24 * 60 * 60 * 1000

/** Every option by name, so that a misspelt one is not silently ignored. */
const OPTION_NAMES: Readonly<Record<keyof AttestationOptions, true>> = {
  policy: true,
  when: true,
  tier: true,
  interval: true,
  payloadIdMode: true,
  canary: true,
  onResult: true,
}

/**
 * Checks the options once, at the edge.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 */
export function readAttestation(
  options: AttestationOptions | undefined,
): AttestationConfig | undefined {
  if (options === undefined) return undefined
  refuseUnknown(options, OPTION_NAMES, 'attestation.')
  const { when, tier, interval, payloadIdMode, canary, onResult } = options
  if (payloadIdMode === 'raw' && when !== 'after-response') {
    throw invalidOption('attestation.payloadIdMode', "raw goes with when: 'after-response' only")
  }
  return Object.freeze({
    policy: readPolicy(options.policy),
    when: oneOf('attestation.when', when, ['before-send', 'after-response']),
    tier: oneOf('attestation.tier', tier, ['affirming', 'warning', 'none']),
    intervalMs:
      integer('attestation.interval', interval, { min: 0, max: LONGEST_INTERVAL_MS }) ??
      DEFAULT_INTERVAL_MS,
    payloadIdMode: oneOf('attestation.payloadIdMode', payloadIdMode, ['sha256', 'raw']),
    canary: readCanary(canary),
    onResult: callback('attestation.onResult', onResult) ?? (() => undefined),
  })
}

function readPolicy(policy: AttestationPolicy): AttestationPolicy {
  const given: unknown = policy
  const judges =
    typeof given === 'object' &&
    given !== null &&
    'appraise' in given &&
    typeof given.appraise === 'function'
  if (judges) return policy
  throw invalidOption(
    'attestation.policy',
    'must be made with attestationPolicy({ requiredPcrs, referenceValues, trust }) of @nomyo/attest',
  )
}

function readCanary(canary: AttestationOptions['canary']): AttestationConfig['canary'] {
  if (canary === undefined) return undefined
  const model: unknown = canary.model
  if (typeof model === 'string' && model !== '') return { model }
  throw invalidOption('attestation.canary', 'must be { model }')
}
