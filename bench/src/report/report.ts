import { isBusy, type Machine } from '../machine.js'
import type { Results } from '../results.js'
import { IMPOSSIBLE_SHARE, type Target } from '../targets.js'

/** A whole run, as `--json` prints it. */
export interface Report {
  readonly machine: Machine
  /** How long the run took. */
  readonly seconds: number
  readonly results: Results
  readonly targets: readonly Target[]
  /** What the numbers do not show. */
  readonly notes: readonly string[]
}

/** What has to be said beside the numbers. */
export function notesOf(machine: Machine, { seal, gateway }: Results, quick: boolean): string[] {
  const notes = [
    isBusy(machine) &&
      `The machine was not idle when the run began (load ${machine.load.toFixed(2)} on ${machine.cores} cores).`,
    quick && 'A quick run: too few rounds to judge by.',
    seal && 'nomyo-js 0.1 is not on the registry, so that its times cannot be measured here.',
    gateway && 'The load generator runs on the same cores as the gateway.',
    gateway?.rows.some(({ ofLimit }) => ofLimit > IMPOSSIBLE_SHARE) &&
      'The gateway seems to serve more than the RSA limit: something else was at work. Measure again.',
    gateway?.oneCorePerSecond === null &&
      'How the gateway scales with cores was not measured: that takes taskset and two cores.',
  ]
  return notes.filter((note) => typeof note === 'string')
}
