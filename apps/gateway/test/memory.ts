import { readFileSync } from 'node:fs'

/** Resident memory of a process in MiB, as Linux tells it. */
export const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
