import { setTimeout as sleep } from 'node:timers/promises'

const INTERVAL_MS = 1

/**
 * Measures delays of the event loop with a timer of 1 ms. `monitorEventLoopDelay` of Node does not see
 * blocks before its own first tick.
 */
export async function monitorEventLoop() {
  let longestMs = 0
  let lastAt = 0
  const tick = (): void => {
    const now = performance.now()
    longestMs = Math.max(longestMs, now - lastAt - INTERVAL_MS)
    lastAt = now
  }
  const timer = setInterval(tick, INTERVAL_MS)
  // Earlier compilation and loading do not count.
  await sleep(10)
  longestMs = 0
  lastAt = performance.now()
  return {
    /** Returns the longest delay of a tick, in milliseconds. */
    stop: (): number => {
      clearInterval(timer)
      tick()
      return longestMs
    },
  }
}
