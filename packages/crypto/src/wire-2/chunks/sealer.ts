import { platform } from '#crypto-platform'
import { requireBytes } from '../../arguments.js'
import { type Bytes, ownBytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { TAG_BYTES } from '../../platform/platform.js'
import type { AeadKeys } from '../hpke/key-schedule.js'
import { CHUNK_BYTES } from '../labels.js'
import { varintLength, writeVarint } from '../varint.js'
import { MAX_CHUNKS, chunkCipher } from './chunk-cipher.js'

/** Encrypts a message, part by part. */
export interface ChunkSealer {
  /** The bytes before the first chunk. */
  readonly head: Bytes
  /**
   * Encrypts the next part of the message: as one chunk, or as several where it is longer than a chunk
   * may be. The chunks of later calls follow those of earlier ones, also while these are being sealed.
   *
   * @throws SecurityError `ERR_KEY_DISPOSED` after the final part
   */
  readonly seal: (plaintext: Uint8Array, options?: { readonly final?: boolean }) => Promise<Bytes>
  /** Zeroes the keys, also done after the final part. The message cannot be completed. */
  readonly dispose: () => void
}

/** Between two turns of other work. */
const TURN_BYTES = 1024 * 1024

/** Begins a message. */
export function chunkSealer(
  head: Bytes,
  keys: AeadKeys,
  { firstChunk = CHUNK_BYTES, maxChunk }: { firstChunk?: number; maxChunk: number },
): ChunkSealer {
  const cipher = chunkCipher(keys)
  let chunks = 0
  let isDone = false
  let isDisposed = false
  let last: Promise<unknown> = Promise.resolve()

  const lengthsOf = (length: number, isFinal: boolean): number[] => {
    const lengths: number[] = []
    for (let left = length; left > 0;) {
      const next = Math.min(left, chunks + lengths.length === 0 ? firstChunk : maxChunk)
      lengths.push(next)
      left -= next
    }
    return lengths.length === 0 && isFinal ? [0] : lengths
  }

  const encryptAll = async (
    plaintext: Bytes,
    lengths: readonly number[],
    isFinal: boolean,
  ): Promise<Bytes> => {
    const sizes = lengths.map((length, at) => {
      const sealed = length + TAG_BYTES
      const prefix = isFinal && at === lengths.length - 1 ? 0 : sealed
      return varintLength(prefix) + sealed
    })
    const target = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0))
    let from = 0
    let to = 0
    for (const [at, length] of lengths.entries()) {
      // Its key is gone.
      if (isDisposed) throw isOver()
      const isLast = isFinal && at === lengths.length - 1
      to = writeVarint(isLast ? 0 : length + TAG_BYTES, target, to)
      const end = to + length + TAG_BYTES
      await cipher.encrypt(
        plaintext.subarray(from, from + length),
        isLast,
        target.subarray(to, end),
      )
      if (Math.floor(end / TURN_BYTES) > Math.floor(to / TURN_BYTES)) await platform.turn()
      from += length
      to = end
    }
    if (isFinal) cipher.dispose()
    return target
  }

  return {
    head,
    seal: async (plaintext, { final: isFinal = false } = {}) => {
      requireBytes(plaintext, 'plaintext')
      const lengths = lengthsOf(plaintext.length, isFinal)
      if (isDone || chunks + lengths.length > MAX_CHUNKS) throw isOver()
      chunks += lengths.length
      isDone = isFinal
      const bytes = ownBytes(plaintext)
      const sealed = last.then(() => encryptAll(bytes, lengths, isFinal))
      // A failure of one part is that of all later ones.
      last = sealed
      last.catch(() => undefined)
      return await sealed
    },
    dispose: () => {
      isDone = isDisposed = true
      cipher.dispose()
    },
  }
}

const isOver = (): SecurityError =>
  new SecurityError('ERR_KEY_DISPOSED', 'The message is complete.')
