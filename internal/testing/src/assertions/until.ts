import { setTimeout as sleep } from 'node:timers/promises'

/** Longest wait: shorter than the limit of a test, longer than any busy machine needs. */
const LIMIT_MS = 50_000
const PAUSE_MS = 20

/**
 * Polls a condition until it returns a value other than `false` and `undefined`.
 *
 * @param what - describes what is awaited, for the error
 * @returns that value
 * @throws Error after 50 seconds
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: () => string = () => 'the condition',
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + LIMIT_MS
  for (;;) {
    const value = await condition()
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
    if (performance.now() > deadline) throw new Error(`not within ${LIMIT_MS} ms: ${what()}`)
    await sleep(PAUSE_MS)
  }
}
