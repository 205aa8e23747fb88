import { isBusy, type Machine } from '../harness/machine.js'
import type { Results } from '../results.js'
import { IMPOSSIBLE_SHARE, type Target } from '../targets.js'

/** The report of a run, as `--json` prints it. */
export interface Report {
  readonly machine: Machine
  /** Duration of the run. */
  readonly seconds: number
  readonly results: Results
  readonly targets: readonly Target[]
  /** Caveats of the numbers. */
  readonly notes: readonly string[]
}

/** Returns the caveats of a run. */
export function notesOf(machine: Machine, { seal, gateway }: Results, quick: boolean): string[] {
  const notes = [
    isBusy(machine) &&
      `The machine was not idle when the run began (load ${machine.load.toFixed(2)} on ${machine.cores} cores).`,
    quick && 'A quick run: too few rounds for conclusions.',
    seal && 'nomyo-js 0.1 is not on the registry, so its times cannot be measured here.',
    gateway && 'The load generator runs on the same cores as the gateway.',
    gateway?.rows.some(({ ofLimit }) => ofLimit > IMPOSSIBLE_SHARE) &&
      'The gateway seems to serve more than the RSA limit: other processes were running. Measure again.',
    gateway?.oneCorePerSecond === null &&
      'Scaling with cores was not measured: it takes taskset and two cores.',
  ]
  return notes.filter((note) => typeof note === 'string')
}
