import { availableParallelism } from 'node:os'

/** How many threads do the work, unless the environment says otherwise. */
const DEFAULT_THREADS = 4
const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADS) || DEFAULT_THREADS

/**
 * How many requests are opened at the same time: each takes an RSA operation of some milliseconds in a
 * thread, so that more than cores, or than threads to run in, would only wait elsewhere.
 */
export const OPENING_LANES = Math.max(1, Math.min(availableParallelism(), threads))
