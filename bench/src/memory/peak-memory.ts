import { readFileSync, writeFileSync } from 'node:fs'

/** A measurement of the memory of this process. */
export interface PeakMemory {
  /** Returns the peak resident set since the start, less the resident set at the start, in bytes. */
  overBytes(): number
}

/**
 * Starts a measurement. On Linux the kernel resets the previous peak; on other systems an earlier, higher
 * peak counts too, to the disadvantage of the contender.
 */
export function watchPeakMemory(): PeakMemory {
  const readPeak = resetPeak() ? peakOfProc : peakOfUsage
  const atStart = process.memoryUsage.rss()
  return { overBytes: () => readPeak() - atStart }
}

/** Resets the peak; see proc(5), clear_refs. */
function resetPeak(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
    return true
  } catch {
    return false
  }
}

function peakOfProc(): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1])
}

function peakOfUsage(): number {
  return 1024 * process.resourceUsage().maxRSS
}
