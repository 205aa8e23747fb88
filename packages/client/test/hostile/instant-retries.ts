import type * as Transport from '@nomyo/transport'

/** The waits before retries, in milliseconds. A wait of exactly {@link HELD_MS} ends with its signal only. */
export const waits: number[] = []
export const HELD_MS = 59_000

/** Replaces `@nomyo/transport` in a test file by one that records waits instead of waiting. */
export async function instantRetries(
  original: () => Promise<typeof Transport>,
): Promise<typeof Transport> {
  const transport = await original()
  const sleep = (delayMs: number, signal: AbortSignal): Promise<void> => {
    waits.push(delayMs)
    return delayMs === HELD_MS
      ? transport.abortable(new Promise(() => undefined), signal)
      : Promise.resolve()
  }
  return {
    ...transport,
    retry: (attempt, options) => transport.retry(attempt, { ...options, sleep }),
  }
}
