import { SecurityError } from '@nomyo/crypto'
import {
  createBhttpReader,
  type BhttpEvent,
  type ChunkOpener,
  type ResponseHead,
} from '@nomyo/crypto/wire-2'
import { APIConnectionError, type StreamedResponse, type TransportResponse } from '@nomyo/transport'
import { ContentBuffer } from './content-buffer.js'

/** A decrypted response of the gateway: complete, and for this request alone. */
export interface SealedAnswer extends TransportResponse {
  readonly isSealed: true
}

/**
 * Decrypts an answer as it arrives, and returns it when it is complete: its final chunk was authentic, and
 * its message ended with it. Its owner zeroes the body.
 *
 * @param onContent - called when the first content of a success was authentic
 * @throws APIConnectionError `ERR_TRUNCATED`
 * @throws SecurityError for an answer that is not authentic, malformed or too large
 */
export async function readAnswer(
  response: StreamedResponse,
  opener: ChunkOpener,
  onContent: () => void,
): Promise<SealedAnswer> {
  const reader = createBhttpReader('response')
  const content = new ContentBuffer()
  const heads: ResponseHead[] = []
  let received = 0

  const takeEvents = (events: readonly BhttpEvent[]): void => {
    for (const event of events) {
      if (event.type === 'response') heads.push(event)
      if (event.type !== 'content') continue
      if (heads[0]?.status === 200) onContent()
      content.append(event.bytes)
    }
  }
  const takeChunk = (plaintext: Uint8Array): void => {
    takeEvents(reader.push(plaintext))
    plaintext.fill(0)
  }

  try {
    await response.read(async (part) => {
      received += part.length
      for (const chunk of await opener.push(part)) takeChunk(chunk)
    })
    takeChunk(await opener.end())
    takeEvents(reader.end())
    const [head] = heads
    if (head === undefined) throw truncated()
    const { status, fields } = head
    const header = (name: string): string | undefined =>
      fields.find((field) => field[0] === name)?.[1]
    return { isSealed: true, status, header, body: content.take() }
  } catch (error) {
    content.wipe()
    throw failureOf(error, received > 0)
  }
}

/** Returns the error of the encrypted message for one of the connection. */
function failureOf(error: unknown, hasBegun: boolean): unknown {
  if (error instanceof SecurityError && error.code === 'ERR_TRUNCATED') return truncated()
  if (!(error instanceof APIConnectionError)) return error
  if (error.code === 'ERR_RESPONSE_TOO_LARGE') return tooLarge()
  return error.code === 'ERR_NETWORK' && hasBegun ? truncated() : error
}

const truncated = (): APIConnectionError =>
  new APIConnectionError('ERR_TRUNCATED', 'The answer ends before its end and was not used.')

const tooLarge = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The answer is larger than allowed.')
