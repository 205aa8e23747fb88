import { availableParallelism } from 'node:os'

/** How many threads libuv has, unless the environment says otherwise. */
const DEFAULT_THREADS = 4
const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADS) || DEFAULT_THREADS

/**
 * How many requests are opened at the same time: each takes an RSA operation of some milliseconds in a
 * thread, so that more than cores gain nothing. Two more are at hand, that a thread which is through
 * need not wait until the event loop brings the next.
 */
export const OPENING_LANES = Math.max(1, Math.min(availableParallelism() + 1, threads)) + 2
