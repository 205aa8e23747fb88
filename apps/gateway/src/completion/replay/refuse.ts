import { hash } from 'node:crypto'
import { HttpError } from '../../http-error.js'
import type { WaitBudget } from '../../redis/wait-budget.js'

/** Cache of the identifiers of earlier requests. */
export interface ReplayCache {
  /**
   * Claims ids: of concurrent claims for one id, one succeeds at most, and of copies exactly one. A claim
   * lasts for the replay window; ids of a refused claim may remain claimed.
   *
   * @param wait - what remains of the time that the request waits for Redis
   * @returns false when one of the ids was claimed before
   * @throws HttpError 503 when the cache cannot decide
   */
  claim(ids: readonly string[], wait?: WaitBudget): Promise<boolean>
  /** Checks for an id that is claimed, as far as this process knows: {@link ReplayCache.claim} decides. */
  isKnown(id: string): boolean
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
  wait?: WaitBudget,
): Promise<void> {
  // Digests are short and of one length, unlike the ids of callers.
  const digest = hash('sha256', payloadId, 'base64')
  if (!(await cache.claim([`envelope:${replayId}`, `payload:${digest}`], wait))) {
    throw new HttpError(
      409,
      'This envelope or payload id was already used: encrypt each attempt anew',
    )
  }
}
