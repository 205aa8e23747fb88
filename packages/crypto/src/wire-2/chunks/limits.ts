import { CHUNK_BYTES } from '../labels.js'
import { requireInteger, requireOptions } from '../../arguments.js'

/** The most that a receiver takes. */
export interface ReceiveLimits {
  /**
   * Most bytes of plaintext in a chunk, from 16384 to 1 MiB. The first chunk of a request holds at most
   * 16384. Default 16384.
   */
  readonly maxChunk?: number
  /** Most encrypted bytes altogether. Default 16 MiB. */
  readonly maxBytes?: number
}

/** The most that a sender puts into a chunk. */
export interface SendLimits {
  /** Most bytes of plaintext in a chunk, from 16384 to 1 MiB: as many as the receiver takes. Default 16384. */
  readonly maxChunk?: number
}

const LARGEST_CHUNK = 1024 * 1024
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024

/** Returns the limits with defaults. @throws SecurityError `ERR_ARGUMENT_INVALID` */
export function checkedLimits(limits: ReceiveLimits): Required<ReceiveLimits> {
  requireOptions(limits, 'limits')
  const { maxChunk = CHUNK_BYTES, maxBytes = DEFAULT_MAX_BYTES } = limits
  requireInteger(maxChunk, 'maxChunk', CHUNK_BYTES, LARGEST_CHUNK)
  requireInteger(maxBytes, 'maxBytes', 1)
  return { maxChunk, maxBytes }
}
