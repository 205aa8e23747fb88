import { setTimeout as sleep } from 'node:timers/promises'

const INTERVAL_MS = 1

/** A watch over the event loop. */
export interface LoopWatch {
  /** Ends it; gives the longest time between two looks, in milliseconds, less the time between them. */
  stop(): number
}

/**
 * Looks every millisecond whether the event loop still turns. A timer of our own and not
 * `monitorEventLoopDelay`, which does not see what blocks before its own first look.
 */
export async function watchLoop(): Promise<LoopWatch> {
  let longestMs = 0
  let lastAt = 0
  const look = (): void => {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - lastAt - INTERVAL_MS)
    lastAt = now
  }
  const timer = setInterval(look, INTERVAL_MS)
  // What was compiled and loaded before is not counted.
  await sleep(10)
  longestMs = 0
  lastAt = performance.now()
  return {
    stop: () => {
      clearInterval(timer)
      look()
      return longestMs
    },
  }
}
