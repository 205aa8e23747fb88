import { SecurityError } from '@nomyo/crypto/errors'
import { appraiseAnswer } from '../attestation/answer.js'
import type { ClientContext } from '../completion/call.js'
import { checkPayloadId, sealedMetadata } from '../completion/read-completion.js'
import { isObject } from '../config/checks.js'
import { EventParser, type ServerSentEvent } from '../sse/event-parser.js'
import type { ContentQueue } from './content-queue.js'
import type { CheckAnswer } from './exchange-route.js'

/**
 * Returns the check of a streamed chat completion: its first event has the evidence of the machine that
 * answers, which is appraised before any text is handed out.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`, `ERR_REPLY_MISMATCH`
 */
export function checkStream({ attestation }: ClientContext): CheckAnswer {
  return async ({ content, id }, { choice }, selection, signal) => {
    if (attestation === undefined) return
    const chunk = parse(await firstEvent(content))
    checkPayloadId(chunk, id)
    const evidence = sealedMetadata(chunk)['tpm_attestation']
    await appraiseAnswer({ payloadId: id, evidence, allowedBy: choice.attested }, attestation)
    await selection.accept(choice, signal)
  }
}

async function firstEvent(content: ContentQueue): Promise<ServerSentEvent | undefined> {
  const parser = new EventParser()
  const parts: Uint8Array[] = []
  for (;;) {
    const part = await content.next()
    if (part === undefined) return undefined
    parts.push(part)
    const [event] = parser.push(part)
    if (event === undefined) continue
    content.putBack(parts)
    return event
  }
}

function parse(event: ServerSentEvent | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(event?.data ?? '')
    if (isObject(value)) return value
  } catch {
    // No JSON: the same as JSON of another kind.
  }
  throw new SecurityError('ERR_PLAINTEXT_INVALID', 'The answer is no stream of a completion.')
}
