import type { TpmAttestation } from '@nomyo/attest'
import type { FastifyBaseLogger } from 'fastify'
import { HttpError } from '../http-error.js'

const RETRY_AFTER_S = 10

/** Source of evidence about the software that this machine booted. */
export interface Attestor {
  readonly kind: 'none' | 'tpm'
  /** Answers without evidence are refused. */
  readonly required: boolean
  /** Evidence is available at the moment, as far as is known without asking. */
  readonly ready: boolean
  /**
   * Prepares the attestor; must come before the first {@link Attestor.attest}.
   *
   * @throws TpmError when evidence is required and cannot be created
   */
  start(log: FastifyBaseLogger): Promise<void>
  /**
   * Returns evidence bound to `extraData`, or `is_available: false`, within a bounded time.
   *
   * @throws HttpError 503 when evidence is required and cannot be created
   */
  attest(extraData: Uint8Array): Promise<TpmAttestation>
  close(): Promise<void>
}

/** Creates the refusal to answer without evidence. */
export const cannotAttest = (): HttpError =>
  new HttpError(
    503,
    'This gateway cannot attest itself at the moment',
    RETRY_AFTER_S,
    'no_evidence',
  )

/** Attestor without a TPM. */
export const noAttestor: Attestor = {
  kind: 'none',
  required: false,
  ready: false,
  start: () => Promise.resolve(),
  attest: () => Promise.resolve({ is_available: false }),
  close: () => Promise.resolve(),
}
