import { requireList } from '../../arguments.js'
import type { Bytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { type ReceiveLimits, type SendLimits, checkedLimits } from '../chunks/limits.js'
import { type ChunkOpener, cannotOpen, chunkOpener } from '../chunks/opener.js'
import { type ChunkSealer, chunkSealer } from '../chunks/sealer.js'
import { CHUNK_BYTES } from '../labels.js'
import type { RequestKey } from '../keys/request-key.js'
import type { Settable } from '../settable.js'
import { type AnswerSecret, answerSecret } from './answer-keys.js'
import { HEADER_BYTES, type RequestHeader, isSupported, readHeader } from './request-header.js'
import { deriveRequestSecrets, splitSecrets } from './request-secrets.js'
import { once } from './seal-request.js'

/** A request that is being decrypted, and the only sealer of its answer. */
export interface RequestOpener extends ChunkOpener {
  /** The key and the suite that the client chose, once they arrived: not authenticated before a chunk is opened. */
  readonly header: RequestHeader | undefined
  /** The encapsulated secret, once it arrived: different for any two requests, equal for replays. */
  readonly enc: Bytes | undefined
  /**
   * Begins to encrypt the answer. Works once a chunk was opened, also when a later one was wrong: from
   * then on refusals travel encrypted.
   *
   * @throws SecurityError `ERR_ARGUMENT_INVALID`; `ERR_DECRYPTION_FAILED` before a chunk was opened;
   * `ERR_KEY_DISPOSED` at a second call
   */
  readonly sealAnswer: (limits?: SendLimits) => Promise<ChunkSealer>
}

/**
 * Begins to decrypt a request, before its first byte is read. Nothing is decapsulated before the key id
 * and the suite are known and the encapsulated secret is complete.
 *
 * @param keys - the request keys that are opened; `decapsulate` and `deriveSecrets` may be functions of the caller,
 * which do it elsewhere or in an order of their own
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { createBhttpReader, openRequest, type RequestKey } from '@nomyo/crypto/wire-2'
 *
 * export async function read(keys: readonly RequestKey[], body: AsyncIterable<Uint8Array>) {
 *   const request = openRequest(keys, { maxChunk: 65_536 })
 *   const message = createBhttpReader('request')
 *   const events = []
 *   for await (const part of body) {
 *     for (const chunk of await request.push(part)) events.push(...message.push(chunk))
 *   }
 *   events.push(...message.push(await request.end()), ...message.end())
 *   return { events, answer: await request.sealAnswer() }
 * }
 * ```
 */
export function openRequest(
  keys: readonly RequestKey[],
  limits: ReceiveLimits = {},
): RequestOpener {
  requireList(keys, 'keys', 'decapsulate')
  let header: RequestHeader | undefined
  let key: RequestKey | undefined
  let answer: AnswerSecret | undefined
  let takeAnswer: (() => AnswerSecret) | undefined
  let isDisposed = false

  const opener = chunkOpener({
    headBytes: (head) => {
      if (head.length < HEADER_BYTES) return HEADER_BYTES
      header ??= readHeader(head)
      request.header = header
      key ??= keyFor(header, keys)
      return HEADER_BYTES + key.kem.encBytes
    },
    keysOf: async (head) => {
      if (header === undefined || key === undefined) throw cannotOpen()
      const enc = head.slice(HEADER_BYTES)
      request.enc = enc
      const joined = await (key.deriveSecrets?.(head) ?? deriveRequestSecrets(key, head))
      const secrets = splitSecrets(header, joined)
      answer = answerSecret(header, secrets.answer, enc)
      takeAnswer = once(answer)
      // Meanwhile.
      if (isDisposed) answer.dispose()
      return secrets
    },
    firstChunk: CHUNK_BYTES,
    ...checkedLimits(limits),
  })

  const disposeOpener = opener.dispose
  const request: Settable<RequestOpener> = Object.assign(opener, {
    header: undefined,
    enc: undefined,
    sealAnswer: async (sendLimits: SendLimits = {}) => {
      const { maxChunk } = checkedLimits(sendLimits)
      if (takeAnswer === undefined || opener.opened === 0) throw cannotOpen()
      const secret = takeAnswer()
      const nonce = crypto.getRandomValues(new Uint8Array(secret.nonceBytes))
      const keysOfAnswer = await secret.keys(nonce)
      secret.dispose()
      return chunkSealer(nonce, keysOfAnswer, { maxChunk })
    },
    dispose: () => {
      isDisposed = true
      disposeOpener()
      takeAnswer = undefined
      answer?.dispose()
    },
  })
  return request
}

function keyFor(header: RequestHeader, keys: readonly RequestKey[]): RequestKey {
  const key = keys.find(({ id, kem }) => id === header.keyId && kem.id === header.kemId)
  if (key !== undefined && isSupported(header)) return key
  throw new SecurityError('ERR_ENVELOPE_UNSUPPORTED', 'No such key or suite.')
}
