import { hash } from 'node:crypto'
import { HttpError } from '../../http-error.js'
import type { ReplayMemory } from './replay-memory.js'

/** What must not come twice, each by itself. */
export interface RequestIds {
  readonly payloadId: string
  /** Of the envelope, as it was opened. */
  readonly replayId: string
}

/**
 * Lets an envelope and a payload id pass once. They stay taken also when the request then fails:
 * nobody can say how far it got, and clients seal every attempt afresh under an id of its own.
 *
 * @throws HttpError 409 for a replay, 503 when the memory cannot tell
 */
export async function refuseReplay(
  memory: ReplayMemory,
  { payloadId, replayId }: RequestIds,
): Promise<void> {
  // Digests are short and of one length, whatever the ids of callers are.
  const taken = await memory.claim([`envelope:${replayId}`, `payload:${digest(payloadId)}`])
  if (!taken) {
    throw new HttpError(
      409,
      'This envelope or payload id was already used: seal every attempt afresh',
    )
  }
}

const digest = (text: string): string => hash('sha256', text, 'base64')
