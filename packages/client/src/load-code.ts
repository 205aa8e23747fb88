import { APIConnectionError } from '@nomyo/transport'

/**
 * Loads code that is needed now for the first time.
 *
 * @throws APIConnectionError `ERR_NETWORK`: a page may be offline
 */
export async function loadCode<T>(load: () => Promise<T>, purpose: string): Promise<T> {
  try {
    return await load()
  } catch {
    throw new APIConnectionError('ERR_NETWORK', `The code of ${purpose} could not be loaded.`)
  }
}

/** Loads the questions for evidence: most clients have no policy. */
export const loadEvidence = (): Promise<typeof import('./gateway-api/evidence.js')> =>
  loadCode(() => import('./gateway-api/evidence.js'), 'attestation')
