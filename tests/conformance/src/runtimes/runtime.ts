import type { Outcome } from '../suites/case.js'
import type { Settings } from '../suites/suites.js'

/** A runtime that the packages support. */
export interface Runtime {
  /** As in `NOMYO_RUNTIMES` and `runtimes/package.json`. */
  readonly id: string
  /** Name in reports. */
  readonly name: string
  /** A CI run without it fails. */
  readonly isRequired: boolean
  /**
   * Finds or downloads it.
   *
   * @throws Unavailable
   */
  prepare(): Promise<Prepared>
}

/** A runtime that can be started. */
export interface Prepared {
  readonly version: string
  /** Runs every suite. Throws when it crashes or does not finish. */
  run(surroundings: Surroundings): Promise<readonly Outcome[]>
}

/** Input of one run. */
export interface Surroundings {
  readonly settings: Settings
  /** An empty folder of its own. */
  readonly folder: string
  /** Serves files to pages, under the origin that the gateway allows. */
  readonly pages: { readonly url: string; readonly files: Map<string, string> }
}

/** Time limit of all suites in milliseconds; they take about ten seconds. */
export const TIME_LIMIT_MS = 180_000
