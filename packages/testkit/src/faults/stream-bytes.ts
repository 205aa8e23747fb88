import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Writes as fast as the other side reads, until there is no more or nobody listens any longer. */
export async function streamBytes(
  target: Writable,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), target)
  } catch (error) {
    // Hanging up on such a body is what a client should do.
    if (!target.destroyed) throw error
  }
}
