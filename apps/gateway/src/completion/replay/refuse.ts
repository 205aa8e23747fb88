import { hash } from 'node:crypto'
import { HttpError } from '../../http-error.js'

/** Cache of the identifiers of earlier requests. */
export interface ReplayCache {
  /**
   * Claims ids, all or none, atomically: of two concurrent claims for one id, one succeeds. A claim
   * lasts for the replay window.
   *
   * @returns false when one of the ids was claimed before
   * @throws HttpError 503 when the cache cannot decide
   */
  claim(ids: readonly string[]): Promise<boolean>
  close(): Promise<void>
}

/** Identifiers of a request, each of which may be used once. */
export interface RequestIds {
  readonly payloadId: string
  /** Identifier of the decrypted envelope. */
  readonly replayId: string
}

/**
 * Accepts an envelope and a payload id once. Both stay claimed when the request fails later: how far it
 * came is unknown, and clients encrypt every attempt afresh under a new id.
 *
 * @throws HttpError 409 for a replay, 503 when the cache cannot decide
 */
export async function refuseReplay(
  cache: ReplayCache,
  { payloadId, replayId }: RequestIds,
): Promise<void> {
  // Digests are short and of one length, unlike the ids of callers.
  const digest = hash('sha256', payloadId, 'base64')
  if (!(await cache.claim([`envelope:${replayId}`, `payload:${digest}`]))) {
    throw new HttpError(
      409,
      'This envelope or payload id was already used: seal every attempt afresh',
    )
  }
}
