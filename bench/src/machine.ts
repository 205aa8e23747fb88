import { availableParallelism, cpus, loadavg, platform, release } from 'node:os'

/** Where numbers come from: without it they say little. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly system: string
  readonly node: string
  readonly openssl: string
  /** Load average of the minute before the run. */
  readonly load: number
  /** ISO 8601, UTC. */
  readonly date: string
}

/** Load average for each core from which on others take part in the numbers. */
const BUSY_PER_CORE = 0.3

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    openssl: process.versions.openssl,
    load: loadavg()[0] ?? Number.NaN,
    date: new Date().toISOString(),
  }
}

/** Whether something else was at work when the run began; a build just before counts too. */
export function isBusy({ load, cores }: Machine): boolean {
  return load > BUSY_PER_CORE * cores
}
