import { hash } from 'node:crypto'
import type { ReplayCache } from '../completion/replay/refuse.js'
import { HttpError } from '../http-error.js'
import type { WaitBudget } from '../redis/wait-budget.js'

/** Enough against chance; two requests of one caller that collide harm only that caller. */
const DIGEST_BYTES = 16

/**
 * Accepts an encapsulated secret once: every copy of a request has the same one, and every other request
 * another.
 *
 * @throws HttpError 409 for a replay, 503 when the cache cannot decide
 */
export async function refuseReplayedSecret(
  cache: ReplayCache,
  enc: Uint8Array,
  wait?: WaitBudget,
): Promise<void> {
  const digest = hash('sha256', enc, 'buffer').subarray(0, DIGEST_BYTES).toString('base64')
  if (await cache.claim([`enc:${digest}`], wait)) return
  throw new HttpError(409, 'This request was already sent: encrypt every attempt afresh')
}
