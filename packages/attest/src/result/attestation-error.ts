import { AttestError, nameClass } from '../attest-error.js'
import type { AttestationResult } from './result.js'

/** Error of an appraisal below the required tier. Do not trust the server; `result` has the reasons. */
export class AttestationError extends AttestError {
  /** The whole result, check by check. */
  readonly result: AttestationResult
  /** Id of the request, where there is one. */
  declare payloadId?: string

  static {
    nameClass(this, 'AttestationError')
  }

  constructor(result: AttestationResult, required: string) {
    const causes = result.checks
      .filter(({ status }) => status === 'fail' || status === 'warn')
      .map(({ id, code }) => `${id} ${code}`)
    super(
      'ERR_ATTESTATION_FAILED',
      `attestation reached the tier "${result.tier}", required is "${required}"` +
        (causes.length === 0 ? '' : `: ${causes.join(', ')}`),
    )
    this.result = result
  }
}
