import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Starts a measurement. On Linux the kernel resets the previous peak (see proc(5), clear_refs); on other
 * systems an earlier, higher peak counts too, to the disadvantage of the contender.
 *
 * @returns a function that returns the peak resident set since the start, less the one at the start, in bytes
 */
export function watchPeakMemory(): () => number {
  let readPeakKb = (): number => {
    const status = readFileSync('/proc/self/status', 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1])
  }
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    readPeakKb = () => process.resourceUsage().maxRSS
  }
  const atStart = process.memoryUsage.rss()
  return () => 1024 * readPeakKb() - atStart
}
