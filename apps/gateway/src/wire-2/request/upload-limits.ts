import type { UploadTimes } from '../../upstreams/route.js'

/** Limits of requests whose content is a form with a file: they are larger, and pass through as they arrive. */
export interface UploadLimits extends UploadTimes {
  /** Size of the largest encrypted request, in bytes. */
  readonly maxBytes: number
  /** Longest time without a part of it, in milliseconds. */
  readonly idleMs: number
}

/** Memory of a request that passes through: some chunks, and the buffers of both connections. */
export const UPLOAD_BYTES = 1024 * 1024

/** Longest silence of a caller, unless {@link UploadLimits.totalMs} is shorter. */
export const UPLOAD_IDLE_MS = 30_000

/** Longest time for which a model server reads nothing. */
export const UPLOAD_STALL_MS = 120_000
