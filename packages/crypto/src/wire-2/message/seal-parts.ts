import { requireArgument, requireBytes, requireInteger, requireOptions } from '../../arguments.js'
import type { Bytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { checkedLimits, type SendLimits } from '../chunks/limits.js'
import { planChunks } from '../chunks/sealer.js'
import type { Kem } from '../kem/kem.js'
import type { KeyConfig } from '../keys/key-list.js'
import { CHUNK_BYTES } from '../labels.js'
import { startRequest, type RequestSealer } from './seal-request.js'

/** A message that is encrypted while it is read. */
export interface MessageParts {
  /** A Binary HTTP request, see `createStreamedRequest`: each item is one part, or several buffers of one. */
  readonly parts: AsyncIterable<Uint8Array | readonly Uint8Array[]>
  /** Length of the message, where it is known. */
  readonly length?: number | undefined
}

/** A request that is encrypted while its body is read. */
export interface SealedRequestParts extends Pick<RequestSealer, 'enc' | 'openAnswer' | 'dispose'> {
  /**
   * The body to send, which is read once. A part is as large as a chunk, and is encrypted when it is asked
   * for. Fails with the error of the message: what was sent until then has no end, and counts as nothing.
   */
  readonly body: AsyncIterable<Bytes>
  /** Length of the body, where that of the message is known. */
  readonly byteLength: number | undefined
}

/**
 * Encrypts a request while it is read, in memory for two chunks. Where the length of the message is known,
 * the bytes are as many as those of `sealRequest`.
 *
 * @throws SecurityError the codes of `startRequest`; the body fails with `ERR_ARGUMENT_INVALID` for a message
 * of another length than it says
 * @example
 * ```ts
 * import { createStreamedRequest, sealRequestParts } from '@nomyo/crypto/wire-2'
 * import type { Kem, KeyConfig, RequestHead } from '@nomyo/crypto/wire-2'
 *
 * export async function upload(
 *   kem: Kem,
 *   config: KeyConfig,
 *   head: RequestHead,
 *   content: AsyncIterable<Uint8Array>,
 * ) {
 *   const request = createStreamedRequest(head)
 *   async function* parts() {
 *     yield request.head
 *     for await (const part of content) yield request.content(part)
 *     yield request.end()
 *   }
 *   return sealRequestParts(kem, config, { parts: parts() })
 * }
 * ```
 */
export async function sealRequestParts(
  kem: Kem,
  config: KeyConfig,
  message: MessageParts,
  limits: SendLimits = {},
): Promise<SealedRequestParts> {
  requireOptions(message, 'message')
  const { parts, length } = message
  requireArgument(Symbol.asyncIterator in Object(parts), 'message must have parts')
  if (length !== undefined) requireInteger(length, 'length')
  const { maxChunk } = checkedLimits(limits)
  const sealer = await startRequest(kem, config, limits)
  const { head, enc, openAnswer, dispose } = sealer
  return {
    enc,
    openAnswer,
    dispose,
    body: seal(sealer, message, maxChunk),
    byteLength:
      length === undefined
        ? undefined
        : head.length + planChunks(length, true, CHUNK_BYTES, maxChunk).size,
  }
}

async function* seal(
  sealer: RequestSealer,
  { parts, length }: MessageParts,
  maxChunk: number,
): AsyncGenerator<Bytes, void, undefined> {
  yield sealer.head
  let waiting: Uint8Array[] = []
  let size = 0
  let total = 0
  let wanted = CHUNK_BYTES
  for await (const item of parts) {
    for (const part of item instanceof Uint8Array ? [item] : item) {
      requireBytes(part, 'part')
      waiting.push(part)
      size += part.length
      total += part.length
    }
    // More than a whole chunk: what turns out to be the last one has another label.
    while (size > wanted) {
      const [chunk, rest] = split(waiting, wanted)
      waiting = rest
      size -= wanted
      wanted = maxChunk
      yield await sealer.seal(chunk)
    }
  }
  if (length !== undefined && length !== total) throw wrongLength()
  yield await sealer.seal(waiting.length > 0 ? waiting : new Uint8Array(), { final: true })
}

/** Splits buffers behind so many bytes, without copies. */
function split(buffers: readonly Uint8Array[], bytes: number): [Uint8Array[], Uint8Array[]] {
  let left = bytes
  const first: Uint8Array[] = []
  const rest: Uint8Array[] = []
  for (const buffer of buffers) {
    if (left > 0) first.push(buffer.subarray(0, left))
    if (buffer.length > left) rest.push(buffer.subarray(left))
    left = Math.max(0, left - buffer.length)
  }
  return [first, rest]
}

const wrongLength = (): SecurityError =>
  new SecurityError('ERR_ARGUMENT_INVALID', 'The message must have the length that it says.')
