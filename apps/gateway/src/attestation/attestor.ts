import type { TpmAttestation } from '@nomyo/attest'
import type { FastifyBaseLogger } from 'fastify'
import { HttpError } from '../http-error.js'

const RETRY_AFTER_S = 10

/** Makes evidence of what this machine booted. */
export interface Attestor {
  readonly kind: 'none' | 'tpm'
  /** Whether to refuse answers rather than give them without evidence. */
  readonly required: boolean
  /** Whether evidence is to be had at the moment, as far as is known without asking. */
  readonly ready: boolean
  /**
   * Gets ready; before the first {@link Attestor.attest}.
   *
   * @throws TpmError when evidence is required and cannot be made
   */
  start(log: FastifyBaseLogger): Promise<void>
  /**
   * Evidence bound to `extraData`, or `is_available: false`, after a bounded time. Rejects only where
   * evidence is required.
   *
   * @throws HttpError 503
   */
  attest(extraData: Uint8Array): Promise<TpmAttestation>
  close(): Promise<void>
}

/** Refuses to answer without evidence. */
export const cannotAttest = (): HttpError =>
  new HttpError(503, 'This gateway cannot attest itself at the moment', RETRY_AFTER_S)

/** For a machine without a TPM, or one that is not to be asked. */
export const noAttestor: Attestor = {
  kind: 'none',
  required: false,
  ready: false,
  start: () => Promise.resolve(),
  attest: () => Promise.resolve({ is_available: false }),
  close: () => Promise.resolve(),
}
