/** Time in which a caller takes what was sent of a stream, in milliseconds. */
export const STALL_TIMEOUT_MS = 120_000
