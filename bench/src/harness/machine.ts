import { availableParallelism, cpus, loadavg, platform, release } from 'node:os'

/** The machine of a run. */
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

/** Load average per core from which other processes affect the numbers. */
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

/** Returns whether the machine was busy when the run began; a build just before counts too. */
export function isBusy({ load, cores }: Machine): boolean {
  return load > BUSY_PER_CORE * cores
}
