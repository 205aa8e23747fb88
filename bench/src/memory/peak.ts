import { readFileSync, writeFileSync } from 'node:fs'

/** A watch over the memory of this process. */
export interface PeakWatch {
  /** Highest resident set since the start of the watch, less that at its start, in bytes. */
  overBytes(): number
}

/**
 * Watches from now on. On Linux the kernel forgets the peak before; elsewhere an earlier, higher one
 * counts too, against whoever is measured.
 */
export function startPeak(): PeakWatch {
  const readPeak = forgetPeak() ? peakOfProc : peakOfUsage
  const atStart = process.memoryUsage.rss()
  return { overBytes: () => readPeak() - atStart }
}

/** See proc(5), clear_refs. */
function forgetPeak(): boolean {
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
