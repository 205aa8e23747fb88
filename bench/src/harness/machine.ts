import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, platform, release } from 'node:os'

/** Load average per core from which other processes affect the numbers. */
const BUSY_PER_CORE = 0.3

/** Describes the machine of a run; the load is the average of the minute before. */
export function describeMachine() {
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

export type Machine = Readonly<ReturnType<typeof describeMachine>>

/** Returns whether the machine was busy when the run began; a build just before counts too. */
export function isBusy({ load, cores }: Machine): boolean {
  return load > BUSY_PER_CORE * cores
}

/** Returns whether processes can be held to a core, of which there are several. */
export function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0
}
