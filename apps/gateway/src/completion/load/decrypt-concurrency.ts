import { availableParallelism } from 'node:os'

/** Threads of libuv, unless the environment sets another number. */
const DEFAULT_THREADS = 4
const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADS) || DEFAULT_THREADS

/**
 * Number of requests that are decrypted at the same time. Each occupies a thread for an RSA operation of
 * some milliseconds, so more than one per core gains nothing. Two more are kept ready, so that a thread
 * does not wait for the event loop to supply the next request.
 */
export const DECRYPT_CONCURRENCY = Math.max(1, Math.min(availableParallelism() + 1, threads)) + 2

/**
 * Number of encapsulated secrets that are decapsulated at the same time. Each takes a fraction of a
 * millisecond: with several batches under way, the thread has one while the event loop serves the previous one.
 */
export const DECAPSULATE_CONCURRENCY = 16
