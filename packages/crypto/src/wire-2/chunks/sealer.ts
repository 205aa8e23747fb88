import { platform } from '#crypto-platform'
import { requireArgument, requireBytes, requireOptions } from '../../arguments.js'
import { type Bytes, ownBytes } from '../../bytes/bytes.js'
import { SecurityError } from '../../errors.js'
import { TAG_BYTES } from '../../platform/platform.js'
import type { AeadKeys } from '../hpke/key-schedule.js'
import { CHUNK_BYTES } from '../labels.js'
import { varintLength, writeVarint } from '../varint.js'
import { MAX_CHUNKS, chunkCipher } from './chunk-cipher.js'

/** Bytes in one buffer, or in several: to join them would cost a copy. */
export type Plaintext = Uint8Array | readonly Uint8Array[]

/** Encrypts a message, part by part. */
export interface ChunkSealer {
  /** The bytes before the first chunk. */
  readonly head: Bytes
  /**
   * Encrypts the next part of the message: as one chunk, or as several where it is longer than a chunk
   * may be. The chunks of later calls follow those of earlier ones, also while these are being sealed.
   *
   * @param plaintext - one buffer, or several that are encrypted as if they were joined
   * @throws SecurityError `ERR_KEY_DISPOSED` after the final part
   */
  readonly seal: (plaintext: Plaintext, options?: { readonly final?: boolean }) => Promise<Bytes>
  /** Zeroes the keys, also done after the final part. The message cannot be completed. */
  readonly dispose: () => void
}

/** The sealer of this package's own use. */
export interface WholeSealer extends ChunkSealer {
  /** Encrypts the whole message at once, behind the bytes before the first chunk. */
  readonly sealWhole: (plaintext: Plaintext) => Promise<Bytes>
}

/** Between two turns of other work. */
const TURN_BYTES = 1024 * 1024

/** A chunk to come: the length of its plaintext, and the one to announce, 0 for the final chunk. */
interface PlannedChunk {
  readonly length: number
  readonly announced: number
}

/** Divides plaintext into as few chunks as possible, and returns how long they are together. */
export function planChunks(
  length: number,
  isFinal: boolean,
  firstChunk: number,
  maxChunk: number,
): { readonly plan: readonly PlannedChunk[]; readonly size: number } {
  const plan: PlannedChunk[] = []
  let left = length
  let size = 0
  // The final part may be empty, others are not.
  while (left > 0 || (isFinal && plan.length === 0)) {
    const chunk = Math.min(left, plan.length === 0 ? firstChunk : maxChunk)
    left -= chunk
    const announced = isFinal && left === 0 ? 0 : chunk + TAG_BYTES
    plan.push({ length: chunk, announced })
    size += varintLength(announced) + chunk + TAG_BYTES
  }
  return { plan, size }
}

/** Begins a message. */
export function chunkSealer(
  head: Bytes,
  keys: AeadKeys,
  { firstChunk = CHUNK_BYTES, maxChunk }: { firstChunk?: number; maxChunk: number },
): WholeSealer {
  const cipher = chunkCipher(keys)
  let chunks = 0
  let isDone = false
  let isDisposed = false
  let last: Promise<unknown> = Promise.resolve()

  const encryptAll = async (
    buffers: readonly Bytes[],
    plan: readonly PlannedChunk[],
    target: Bytes,
    start: number,
  ): Promise<Bytes> => {
    let from = 0
    let to = start
    for (const { length, announced } of plan) {
      // Its key is gone.
      if (isDisposed) throw isOver()
      to = writeVarint(announced, target, to)
      const end = to + length + TAG_BYTES
      const pieces = piecesOf(buffers, from, from + length)
      const encrypted = cipher.encrypt(pieces, announced === 0, target.subarray(to, end))
      if (encrypted !== undefined) await encrypted
      const isEndOfTurn = Math.floor(end / TURN_BYTES) > Math.floor(to / TURN_BYTES)
      if (isEndOfTurn && end < target.length) await platform.turn()
      from += length
      to = end
    }
    if (plan.at(-1)?.announced === 0) cipher.dispose()
    return target
  }

  const seal = async (
    plaintext: Plaintext,
    isFinal: boolean,
    before: Uint8Array,
  ): Promise<Bytes> => {
    const buffers = buffersOf(plaintext)
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
    if (isDone || chunks + 1 + length / maxChunk > MAX_CHUNKS) throw isOver()
    isDone = isFinal
    const { plan, size } = planChunks(
      length,
      isFinal,
      chunks === 0 ? firstChunk : maxChunk,
      maxChunk,
    )
    chunks += plan.length
    const target = platform.allocate(before.length + size)
    target.set(before)
    const sealed = last.then(() => encryptAll(buffers, plan, target, before.length))
    // A failure of one part is that of all later ones.
    last = sealed
    last.catch(() => undefined)
    return await sealed
  }

  return {
    head,
    seal: async (plaintext, options = {}) => {
      requireOptions(options)
      return seal(plaintext, options.final === true, new Uint8Array())
    },
    sealWhole: (plaintext) => seal(plaintext, true, head),
    dispose: () => {
      isDone = isDisposed = true
      cipher.dispose()
    },
  }
}

/** @throws SecurityError `ERR_ARGUMENT_INVALID` */
export function buffersOf(plaintext: Plaintext): Bytes[] {
  const buffers: readonly Uint8Array[] = plaintext instanceof Array ? plaintext : [plaintext]
  requireArgument(buffers.length > 0, 'plaintext must be bytes')
  return buffers.map((buffer) => {
    requireBytes(buffer, 'plaintext')
    return ownBytes(buffer)
  })
}

/** Returns bytes of several buffers, without joining them. */
function piecesOf(buffers: readonly Bytes[], from: number, to: number): Bytes[] {
  let start = 0
  return buffers.flatMap((buffer) => {
    const piece = buffer.subarray(Math.max(0, from - start), Math.max(0, to - start))
    start += buffer.length
    return piece.length > 0 ? [piece] : []
  })
}

const isOver = (): SecurityError =>
  new SecurityError('ERR_KEY_DISPOSED', 'The message is complete.')
