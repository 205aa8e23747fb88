import type { KeyStatement } from '@nomyo/crypto/wire-2'

/** Most bytes of an encrypted answer. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024

/** No chunk is larger, whatever a statement permits. */
const LARGEST_CHUNK = 1024 * 1024

/** Most bytes of plaintext in a chunk, in both directions. */
export const maxChunkOf = ({ maxChunk }: KeyStatement): number => Math.min(maxChunk, LARGEST_CHUNK)
