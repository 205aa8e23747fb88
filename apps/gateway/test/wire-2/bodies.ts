import { startRequest, type ChunkOpener, type Kem, type KeyConfig } from '@nomyo/crypto/wire-2'

/** Length of `hdr`, the chosen key and suite. */
export const HEADER_BYTES = 7
/** Length of a tag of AES-GCM. */
export const TAG_BYTES = 16

/** Encrypted request, in its parts. */
export interface BodyParts {
  readonly header: Uint8Array
  readonly enc: Uint8Array
  /** Ciphertexts with their tags; the last one is final. */
  readonly chunks: readonly Uint8Array[]
  readonly openAnswer: () => ChunkOpener
}

/** Encrypts a message in chunks of these lengths; the rest is the final one. */
export async function sealInChunks(
  kem: Kem,
  config: KeyConfig,
  message: Uint8Array,
  lengths: readonly number[],
): Promise<BodyParts> {
  const sealer = await startRequest(kem, config, { maxChunk: 1024 * 1024 })
  const chunks: Uint8Array[] = []
  let at = 0
  for (const length of lengths) {
    const sealed = await sealer.seal(message.subarray(at, at + length))
    chunks.push(sealed.subarray(sealed.length - length - TAG_BYTES))
    at += length
  }
  const last = await sealer.seal(message.subarray(at), { final: true })
  chunks.push(last.subarray(1))
  const { head, openAnswer } = sealer
  return {
    header: head.subarray(0, HEADER_BYTES),
    enc: head.subarray(HEADER_BYTES),
    chunks,
    openAnswer: () => openAnswer({ maxBytes: 64 * 1024 * 1024 }),
  }
}

/** Writes a number in a certain width, 1, 2, 4 or 8 bytes; the shortest by default. */
export function varint(value: number, width = shortest(value)): Uint8Array {
  const all = Buffer.alloc(8)
  all.writeBigUInt64BE(BigInt(value))
  const cut = Buffer.from(all.subarray(8 - width))
  cut[0] = cut[0]! | (Math.log2(width) << 6)
  return new Uint8Array(cut)
}

const shortest = (value: number): number =>
  value < 64 ? 1 : value < 16_384 ? 2 : value < 2 ** 30 ? 4 : 8

/** Joins the parts of a request. */
export function joinBody(
  { header, enc, chunks }: Pick<BodyParts, 'header' | 'enc' | 'chunks'>,
  { width, isFinal = true }: { width?: number; isFinal?: boolean } = {},
): Uint8Array {
  const parts: Uint8Array[] = [header, enc]
  chunks.forEach((chunk, at) => {
    const isLast = isFinal && at === chunks.length - 1
    parts.push(varint(isLast ? 0 : chunk.length, width), chunk)
  })
  return new Uint8Array(Buffer.concat(parts))
}

/** Inverts one bit. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes)
  const at = Math.floor(bit / 8)
  copy[at] = copy[at]! ^ (1 << (bit % 8))
  return copy
}
