import { randomUUID } from 'node:crypto'
import { sendSealed } from '../send.js'
import { completionFault, invalidFault, type CompletionFault } from './fault.js'
import { flipBit, type EnvelopePart } from './flip-bit.js'

const PARTS: readonly EnvelopePart[] = ['ciphertext', 'tag', 'nonce', 'wrappedKey']

/**
 * The right answer with one bit of one part of its envelope turned over.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`, the same for every part, and
 * does not try again.
 */
export function tampered(part: EnvelopePart = 'ciphertext'): CompletionFault {
  if (!PARTS.includes(part)) {
    throw invalidFault(`there is no part "${part as string}"; there are ${PARTS.join(', ')}`)
  }
  return completionFault('tampered', async ({ response, normalBody }) => {
    sendSealed(response, flipBit(await normalBody(), part))
  })
}

/**
 * The answer before this one, once more. Needs an answer given without a fault before.
 *
 * A correct client throws `SecurityError` with `ERR_REPLY_REPLAYED`; one that has another reply key
 * by now cannot open it: `ERR_DECRYPTION_FAILED`.
 */
export function replayed(): CompletionFault {
  return completionFault('replayed', ({ response, previousBody }) => {
    if (previousBody === undefined) {
      throw invalidFault('replayed needs an answer to send again: let one request pass first')
    }
    sendSealed(response, previousBody)
  })
}

/**
 * The request itself, sent back.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`.
 */
export function reflected(): CompletionFault {
  return completionFault('reflected', ({ response, envelope }) => {
    sendSealed(response, envelope)
  })
}

/**
 * The right answer, sealed for somebody else.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`.
 */
export function wrongRecipient(): CompletionFault {
  return completionFault('wrongRecipient', async ({ response, completion, seal, serverKey }) => {
    sendSealed(response, await seal(await completion(), serverKey))
  })
}

/**
 * A genuine answer, sealed for the caller, that names the payload id of another request.
 *
 * A correct client throws `SecurityError` with `ERR_REPLY_MISMATCH`.
 */
export function otherRequest(): CompletionFault {
  return completionFault('otherRequest', async ({ response, completion, seal }) => {
    const answer = await completion()
    const metadata = { ...(answer['_metadata'] as object), payload_id: randomUUID() }
    sendSealed(response, await seal({ ...answer, _metadata: metadata }))
  })
}
