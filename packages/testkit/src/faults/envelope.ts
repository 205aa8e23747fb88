import { randomUUID } from 'node:crypto'
import { sendSealed } from '../gateway/send.js'
import { completionFault, invalidFault, type CompletionFault } from './fault.js'
import { flipBit, type EnvelopePart } from './flip-bit.js'

const PARTS: readonly EnvelopePart[] = ['ciphertext', 'tag', 'nonce', 'wrappedKey']

/**
 * Sends the right answer with one bit of one part of its envelope flipped.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`, the same for every part, and
 * does not retry.
 */
export function tampered(part: EnvelopePart = 'ciphertext'): CompletionFault {
  if (!PARTS.includes(part)) {
    throw invalidFault(`the part must be one of ${PARTS.join(', ')}`)
  }
  return completionFault('tampered', async ({ response, normalBody }) => {
    sendSealed(response, flipBit(await normalBody(), part))
  })
}

/**
 * Sends the previous answer again. Needs an earlier answer without a fault.
 *
 * A correct client throws `SecurityError` with `ERR_REPLY_REPLAYED`; one with another reply key by now
 * cannot decrypt it: `ERR_DECRYPTION_FAILED`.
 */
export function replayed(): CompletionFault {
  return completionFault('replayed', ({ response, previousBody }) => {
    if (previousBody === undefined) {
      throw invalidFault('replayed needs an earlier answer: let one request pass first')
    }
    sendSealed(response, previousBody)
  })
}

/**
 * Sends the request back.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`.
 */
export function reflected(): CompletionFault {
  return completionFault('reflected', ({ response, envelope }) => {
    sendSealed(response, envelope)
  })
}

/**
 * Sends the right answer, encrypted to another recipient.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`.
 */
export function wrongRecipient(): CompletionFault {
  return completionFault('wrongRecipient', async ({ response, completion, seal, serverKey }) => {
    sendSealed(response, await seal(await completion(), serverKey))
  })
}

/**
 * Sends a genuine answer, encrypted to the caller, that names the payload id of another request.
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
