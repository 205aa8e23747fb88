import { loadCode } from '../load-code.js'

/**
 * Loads the appraisal of answers, which most clients do not need: before a request is sent, since its answer
 * would be lost without it.
 *
 * @throws APIConnectionError `ERR_NETWORK`
 */
export const loadAppraisal = (): Promise<typeof import('./answer.js')> =>
  loadCode(() => import('./answer.js'), 'attestation')
