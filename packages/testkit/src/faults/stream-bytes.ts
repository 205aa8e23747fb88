import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Writes as fast as the receiver reads, until the end or until the receiver disconnects. */
export async function streamBytes(
  target: Writable,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), target)
  } catch (error) {
    // A client should disconnect from such a body.
    if (!target.destroyed) throw error
  }
}
