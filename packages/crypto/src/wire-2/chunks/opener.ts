import { requireBytes } from '../../arguments.js'
import { type Bytes, ownBytes, zeroize } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { TAG_BYTES } from '../../platform/platform.js'
import type { AeadKeys } from '../hpke/key-schedule.js'
import { partBuffer } from '../part-buffer.js'
import type { Settable } from '../settable.js'
import { readVarint } from '../varint.js'
import { type ChunkCipher, MAX_CHUNKS, chunkCipher } from './chunk-cipher.js'

/** Decrypts a message as it arrives. */
export interface ChunkOpener {
  /** The number of chunks that were authentic so far. */
  readonly opened: number
  /**
   * Takes the next bytes of the message, in parts of any length, and returns the plaintext of each chunk
   * that they complete. Where a chunk after an authentic one is wrong, the plaintext before it is
   * returned first, and the next call throws. The caller zeroes the plaintext.
   *
   * @throws SecurityError `ERR_DECRYPTION_FAILED`, `ERR_ENVELOPE_UNSUPPORTED` (no such key or suite),
   * `ERR_ENVELOPE_TOO_LARGE`, and the codes of the private key. Every later call throws the same error.
   */
  readonly push: (part: Uint8Array) => Promise<Bytes[]>
  /**
   * Ends the message: returns the plaintext of the final chunk, which may be empty.
   *
   * @throws SecurityError `ERR_TRUNCATED` where no final chunk began; and the codes of {@link push}
   */
  readonly end: () => Promise<Bytes>
  /** Zeroes the keys, also done after the end and after an error. */
  readonly dispose: () => void
}

/** The differences between requests and answers. */
export interface OpenerSettings {
  /** Returns how many bytes come before the first chunk, by those that arrived; asked until they suffice. */
  readonly headBytes: (head: Bytes) => number
  /** Derives the keys from these bytes. */
  readonly keysOf: (head: Bytes) => Promise<AeadKeys> | AeadKeys
  /** Most plaintext of the first chunk. */
  readonly firstChunk: number
  readonly maxChunk: number
  readonly maxBytes: number
}

/** Begins to decrypt a message. */
export function chunkOpener(settings: OpenerSettings): ChunkOpener {
  const buffer = partBuffer()
  let state: 'head' | 'length' | 'chunk' | 'final' | 'over' = 'head'
  /** Length of the chunk that is arriving. */
  let expected = 0
  let cipher: ChunkCipher | undefined
  let count = 0
  let total = 0
  /** Makes the error of all later calls: few messages need one. */
  let failure: (() => Error) | undefined
  let last: Promise<unknown> = Promise.resolve()

  const limit = (): number => TAG_BYTES + (count === 0 ? settings.firstChunk : settings.maxChunk)
  const dispose = (): void => {
    state = 'over'
    cipher?.dispose()
    buffer.take()
    failure ??= isOver
  }

  const opened = (plaintext: Bytes | undefined): Bytes => {
    if (plaintext === undefined) throw cannotOpen()
    if (failure !== undefined) zeroize(plaintext)
    throwIfOver()
    opener.opened = ++count
    return plaintext
  }

  /** A platform that decrypts at once is not waited for: messages have many chunks. */
  const decrypt = (sealed: Bytes, isFinal: boolean): Bytes | Promise<Bytes> => {
    if (count >= MAX_CHUNKS) throw cannotOpen()
    const plaintext = cipher?.decrypt(sealed, isFinal)
    return plaintext instanceof Promise ? plaintext.then(opened) : opened(plaintext)
  }

  /** Throws where the opener was disposed of while an operation was under way. */
  const throwIfOver = (): void => {
    if (failure === undefined) return
    cipher?.dispose()
    throw failure()
  }

  /** Takes bytes of a part from `at` on; returns the offset behind them. */
  const step = (
    part: Uint8Array,
    at: number,
    release: (chunk: Bytes) => void,
  ): number | Promise<number> => {
    switch (state) {
      case 'head':
        return readHead(part, at)
      case 'length': {
        const whole = buffer.length === 0 ? readVarint(part, at) : undefined
        const end = whole?.end ?? buffer.fill(part, at, buffer.length + 1)
        const read = whole ?? readVarint(buffer.bytes(), 0)
        if (read === undefined) return end
        buffer.reset()
        if (read.value === 0) state = 'final'
        else if (read.value <= TAG_BYTES || read.value > limit()) throw cannotOpen()
        else {
          expected = read.value
          state = 'chunk'
        }
        return end
      }
      case 'chunk': {
        const isWhole = buffer.length === 0 && at + expected <= part.length
        const end = isWhole ? at + expected : buffer.fill(part, at, expected)
        if (!isWhole && buffer.length < expected) return end
        const take = (chunk: Bytes): number => {
          release(chunk)
          buffer.reset()
          state = 'length'
          return end
        }
        const chunk = decrypt(isWhole ? ownBytes(part.subarray(at, end)) : buffer.bytes(), false)
        return chunk instanceof Promise ? chunk.then(take) : take(chunk)
      }
      case 'final': {
        if (buffer.length + part.length - at > limit()) throw cannotOpen()
        return buffer.fill(part, at, limit())
      }
      default:
        throw (failure ?? isOver)()
    }
  }

  const readHead = async (part: Uint8Array, at: number): Promise<number> => {
    const needed = settings.headBytes(buffer.bytes())
    const end = buffer.fill(part, at, needed)
    if (buffer.length < needed || settings.headBytes(buffer.bytes()) > needed) return end
    const head = buffer.take()
    cipher = chunkCipher(await settings.keysOf(head))
    throwIfOver()
    state = 'length'
    return end
  }

  /** One call after the other; the first failure is that of all later calls. */
  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(async () => {
      if (failure !== undefined) throw failure()
      try {
        return await work()
      } catch (error) {
        failure ??= () => error as Error
        dispose()
        throw failure()
      }
    })
    last = result.catch(() => undefined)
    return result
  }

  const opener: Settable<ChunkOpener> = {
    opened: 0,
    push: (part) =>
      inOrder(async () => {
        requireBytes(part, 'part')
        const chunks: Bytes[] = []
        total += part.length
        try {
          if (total > settings.maxBytes) throw tooLarge()
          for (let at = 0; at < part.length;) {
            const end = step(part, at, (chunk) => chunks.push(chunk))
            at = typeof end === 'number' ? end : await end
          }
        } catch (error) {
          if (chunks.length === 0) throw error
          failure ??= () => error as Error
          dispose()
        }
        return chunks
      }),
    end: () =>
      inOrder(async () => {
        if (state !== 'final') throw truncated()
        const plaintext = await decrypt(buffer.take(), true)
        dispose()
        return plaintext
      }),
    dispose,
  }
  return opener
}

/** One error for every wrong byte: it reveals nothing about the cause. */
export const cannotOpen = (): SecurityError =>
  new SecurityError('ERR_DECRYPTION_FAILED', 'The message could not be decrypted.')

const isOver = (): SecurityError =>
  new SecurityError('ERR_KEY_DISPOSED', 'The message is complete.')

const tooLarge = (): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', 'The message is larger than allowed.')

const truncated = (): SecurityError =>
  new SecurityError('ERR_TRUNCATED', 'The message was cut off.')
