import { ContentBuffer } from './content-buffer.js'

type Parts = AsyncGenerator<Uint8Array, void, undefined>

/**
 * Collects content up to a limit.
 *
 * @returns all of it; or, where it is larger, what arrived and the rest as it arrives
 * @throws what the content throws; HttpError 413 for too many pieces
 */
export async function holdContent(parts: Parts, maxBytes: number): Promise<Uint8Array | Parts> {
  const buffer = new ContentBuffer(maxBytes)
  try {
    for (;;) {
      const { done, value } = await parts.next()
      if (done === true) return buffer.bytes
      if (!buffer.hasRoom(value)) return goOn(buffer.bytes, value, parts)
      buffer.add(value)
    }
  } catch (error) {
    buffer.bytes.fill(0)
    await parts.return()
    throw error
  }
}

async function* goOn(held: Uint8Array, next: Uint8Array, rest: Parts): Parts {
  try {
    if (held.length > 0) yield held
    held.fill(0)
    yield next
    yield* rest
  } finally {
    held.fill(0)
    await rest.return()
  }
}
