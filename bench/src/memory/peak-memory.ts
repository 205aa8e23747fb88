import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Starts a measurement of this process or, on Linux, of another one. There the kernel resets the previous
 * peak (see proc(5), clear_refs); on other systems an earlier, higher peak counts too, to the disadvantage of
 * the contender.
 *
 * @returns a function that returns the peak resident set since the start, less the one at the start, in bytes;
 * NaN for another process on other systems
 */
export function watchPeakMemory(pid = process.pid): () => number {
  const own = pid === process.pid
  const readKb = (name: 'VmHWM' | 'VmRSS'): number => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  }
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    const startKb = process.memoryUsage.rss() / 1024
    return () => (own ? 1024 * (process.resourceUsage().maxRSS - startKb) : Number.NaN)
  }
  const startKb = readKb('VmRSS')
  return () => 1024 * (readKb('VmHWM') - startKb)
}
