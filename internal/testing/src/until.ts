import { setTimeout as sleep } from 'node:timers/promises'

/** Limits of {@link until}. */
export interface UntilOptions {
  /** Longest wait, in milliseconds. Default 50 000: shorter than the limit of a test, longer than any busy machine needs. */
  readonly limitMs?: number
  /** Pause between two attempts, in milliseconds. Default 20. */
  readonly everyMs?: number
  /** Describes what is awaited, for the error. */
  readonly what?: string | (() => string)
}

/**
 * Polls a condition until it returns a value other than `false` and `undefined`.
 *
 * @returns that value
 * @throws Error once the limit has passed
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { limitMs = 50_000, everyMs = 20, what = 'the condition' }: UntilOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const value = await condition()
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
    if (performance.now() > deadline) {
      const description = typeof what === 'string' ? what : what()
      throw new Error(`not within ${limitMs} ms: ${description}`)
    }
    await sleep(everyMs)
  }
}
