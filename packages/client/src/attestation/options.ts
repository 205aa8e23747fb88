import type { AttestationPolicy, AttestationResult } from '@nomyo/attest'
import {
  callback,
  integer,
  invalidOption,
  oneOf,
  readOptions,
  withDefault,
  type Check,
  type Option,
  type Values,
} from '../config/checks.js'

/** Options for the verification of the machine of a gateway. */
export interface AttestationOptions {
  /**
   * The requirements on the machine, made with `attestationPolicy` of `@nomyo/attest`. The client adds
   * the nonce and the time; the same policy applies to the server key and to every answer.
   */
  policy: AttestationPolicy
  /**
   * `before-send`: nothing is encrypted until the machine has proven that it holds the very key that is
   * used; answers are verified too. `after-response`: answers only, when the prompt has been read
   * already. Default `before-send`.
   */
  when?: 'before-send' | 'after-response' | undefined
  /**
   * The tier to reach. `none` accepts machines that no trust anchor endorses, as long as nothing
   * contradicts the policy: it protects from nothing. Default `affirming`.
   */
  tier?: 'affirming' | 'warning' | 'none' | undefined
  /**
   * 2 refuses a gateway that offers no wire 2: for one whose key statements are known to be attested.
   * Default 1.
   */
  minWire?: 1 | 2 | undefined
  /** Milliseconds for which the attestation of a server key is valid. Default 300,000 (5 minutes). */
  interval?: number | undefined
  /** Receives every result, good or bad, before anything else happens with it. */
  onResult?: ((event: AttestationEvent) => void) | undefined
}

/** One result. */
export interface AttestationEvent {
  /** The subject of the evidence: the server's key or, on wire 2, its key statement; or an answer. */
  readonly subject: 'server-key' | 'answer'
  readonly result: AttestationResult
  /** The request answered; absent for the server's key. */
  readonly payloadId?: string
}

const DEFAULT_INTERVAL_MS = 5 * 60 * 1000
const LONGEST_INTERVAL_MS = 24 * 60 * 60 * 1000

const policy: Check<AttestationPolicy> = (value, name) => {
  const { appraise } = Object(value) as { appraise?: unknown }
  if (typeof appraise === 'function') return value as AttestationPolicy
  throw invalidOption(
    name,
    'must be made with attestationPolicy({ requiredPcrs, referenceValues, trust }) of @nomyo/attest',
  )
}

/** The table of all options: check and default. */
function optionTable() {
  return {
    policy: { check: policy },
    when: withDefault(oneOf('before-send', 'after-response'), 'before-send'),
    tier: withDefault(oneOf('affirming', 'warning', 'none'), 'affirming'),
    minWire: withDefault(oneOf<1 | 2>(1, 2), 1),
    interval: withDefault(integer(0, LONGEST_INTERVAL_MS), DEFAULT_INTERVAL_MS),
    onResult: withDefault(callback<(event: AttestationEvent) => void>(), () => undefined),
  } satisfies Readonly<Record<keyof AttestationOptions, Option<unknown>>>
}

/** The options, checked and complete. */
export type AttestationConfig = Values<ReturnType<typeof optionTable>>

/** Checks the options; see {@link readOptions}. */
export const attestation: Check<AttestationConfig> = (value, name) => {
  return readOptions(value as object, optionTable(), `${name}.`)
}
