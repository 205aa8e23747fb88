import { hash } from 'node:crypto'
import type { ReplayCache } from '../../completion/replay/refuse.js'
import { HttpError } from '../../http-error.js'
import type { WaitBudget } from '../../redis/wait-budget.js'

/** Enough against chance; two requests of one caller that collide harm only that caller. */
const DIGEST_BYTES = 16

/**
 * Refuses a copy of a request that this gateway has seen. Comes before the request counts against the limits
 * of its caller: a stranger that recorded it can send copies without the API key.
 *
 * @throws HttpError 409
 */
export function refuseKnownSecret(cache: ReplayCache, enc: Uint8Array): void {
  if (cache.isKnown(idOf(enc))) throw isReplay()
}

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
  if (!(await cache.claim([idOf(enc)], wait))) throw isReplay()
}

const idOf = (enc: Uint8Array): string =>
  `enc:${hash('sha256', enc, 'buffer').subarray(0, DIGEST_BYTES).toString('base64')}`

const isReplay = (): HttpError =>
  new HttpError(409, 'This request was already sent: encrypt each attempt anew')
