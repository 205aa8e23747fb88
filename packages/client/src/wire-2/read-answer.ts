import { SecurityError } from '@nomyo/crypto'
import {
  createBhttpReader,
  type BhttpEvent,
  type ChunkOpener,
  type ResponseHead,
} from '@nomyo/crypto/wire-2'
import {
  APIConnectionError,
  type StreamedResponse,
  type TakePart,
  type TransportResponse,
} from '@nomyo/transport'
import { ContentBuffer } from './content-buffer.js'

/** A decrypted response of the gateway: complete, and for this request alone. */
export interface SealedAnswer extends TransportResponse {
  readonly isSealed: true
}

/** A response of the gateway, of which the head was authentic. Its content is read once. */
export interface OpenAnswer extends Omit<SealedAnswer, 'body'> {
  /**
   * Hands over the content as it is authenticated, and resolves when the answer is complete: its final chunk
   * was authentic, and its message ended with it. A part is valid only until `take` is done with it.
   *
   * @throws APIConnectionError `ERR_TRUNCATED`
   * @throws SecurityError for an answer that is not authentic, malformed or too large; the error of `take`
   */
  readonly read: (take: TakePart) => Promise<void>
}

/**
 * Decrypts an answer as it arrives, and returns it when its head is authentic. Nothing more is read before
 * its content is.
 *
 * @param onChunk - called after every authentic chunk
 * @throws APIConnectionError `ERR_TRUNCATED`
 * @throws SecurityError for an answer that is not authentic, malformed or too large
 */
export function openAnswer(
  response: StreamedResponse,
  opener: ChunkOpener,
  onChunk: () => void = () => undefined,
): Promise<OpenAnswer> {
  const reader = createBhttpReader('response')
  let received = 0

  return new Promise((resolve, reject) => {
    let begin: (take: TakePart) => void
    const begun = new Promise<TakePart>((taken) => (begin = taken))

    const open = ({ status, fields }: ResponseHead): void => {
      resolve({
        isSealed: true,
        status,
        header: (name) => fields.find((field) => field[0] === name)?.[1],
        read: (take) => {
          begin(take)
          return reading
        },
      })
    }
    const takeEvents = async (events: readonly BhttpEvent[]): Promise<void> => {
      for (const event of events) {
        if (event.type === 'response') open(event)
        if (event.type === 'content') await (await begun)(event.bytes)
      }
    }
    const takeChunk = async (plaintext: Uint8Array): Promise<void> => {
      try {
        onChunk()
        await takeEvents(reader.push(plaintext))
      } finally {
        plaintext.fill(0)
      }
    }
    const readAll = async (): Promise<void> => {
      try {
        await response.read(async (part) => {
          received += part.length
          for (const chunk of await opener.push(part)) await takeChunk(chunk)
        })
        await takeChunk(await opener.end())
        await takeEvents(reader.end())
      } catch (error) {
        throw failureOf(error, received > 0)
      } finally {
        opener.dispose()
      }
    }
    const reading = readAll()
    // Of no effect after the head: an error is that of `read` then.
    reading.then(() => {
      reject(truncated())
    }, reject)
  })
}

/**
 * Reads the rest of an answer into one buffer, which its owner zeroes.
 *
 * @param onContent - called before the first content is kept
 * @throws the errors of {@link OpenAnswer.read}
 */
export async function readWhole(
  { isSealed, status, header, read }: OpenAnswer,
  onContent: () => void = () => undefined,
): Promise<SealedAnswer> {
  const content = new ContentBuffer()
  try {
    await read((part) => {
      onContent()
      content.append(part)
    })
    return { isSealed, status, header, body: content.take() }
  } catch (error) {
    content.wipe()
    throw error
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
  new APIConnectionError('ERR_TRUNCATED', 'The answer was cut off.')

/** Creates the error for an answer above a limit. */
export const tooLarge = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The answer is larger than allowed.')
