import { SecurityError } from '@nomyo/crypto/errors'
import { appraiseAnswer } from '../attestation/answer.js'
import type { KeyAttestation } from '../attestation/key-attestation.js'
import { checkPayloadId, sealedMetadata } from '../completion/read-completion.js'
import { parseObject } from '../config/parse-object.js'
import { EventParser } from '../sse/event-parser.js'
import type { ContentQueue } from './content-queue.js'
import type { CheckAnswer, RouteAnswer } from './exchange-route.js'

/** An answer without evidence, whatever it may hold. */
const NONE: Readonly<Record<string, unknown>> = {}

/**
 * Returns the check of an answer by a policy: the evidence of the machine that answers is appraised before any
 * content is handed out. JSON has it, and the first event of a stream of events. Sound and text have
 * none: where the machine attested the key statement before the request was sent, that is enough.
 *
 * @throws AttestationError `ERR_ATTESTATION_FAILED`
 * @throws SecurityError `ERR_PLAINTEXT_INVALID`, `ERR_REPLY_MISMATCH`
 */
export function checkEvidence(attestation: KeyAttestation): CheckAnswer {
  return async (answer, { choice }, selection, signal) => {
    const { id } = answer
    const holder = await evidenceHolder(answer)
    if (holder === undefined && choice.attested !== undefined) return
    const value = holder ?? NONE
    checkPayloadId(value, id)
    const evidence = sealedMetadata(value)['tpm_attestation']
    await appraiseAnswer({ payloadId: id, evidence, allowedBy: choice.attested }, attestation)
    await selection.accept(choice, signal)
  }
}

/** Returns the JSON in which evidence is; undefined where an answer of this type has none. */
async function evidenceHolder({
  content,
  header,
}: RouteAnswer): Promise<Record<string, unknown> | undefined> {
  const type = header('content-type') ?? ''
  if (type.startsWith('application/json')) return objectIn(await allText(content))
  return type.startsWith('text/event-stream') ? objectIn(await firstEvent(content)) : undefined
}

async function allText(content: ContentQueue): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  await content.peek((part) => {
    text += decoder.decode(part, { stream: true })
    return false
  })
  return text + decoder.decode()
}

async function firstEvent(content: ContentQueue): Promise<string> {
  const parser = new EventParser()
  let data = ''
  await content.peek((part) => {
    const [event] = parser.push(part)
    data = event?.data ?? ''
    return event !== undefined
  })
  return data
}

function objectIn(text: string): Record<string, unknown> {
  const value = parseObject(text)
  if (value !== undefined) return value
  throw new SecurityError('ERR_PLAINTEXT_INVALID', 'The answer is malformed and was not used.')
}
