import type { Outcome } from '../suites/case.js'
import type { Settings } from '../suites/suites.js'

/** One row of the table. */
export interface Runtime {
  /** For `--only`. */
  readonly id: string
  /** For people. */
  readonly name: string
  /** Whether a CI run without it has failed. */
  readonly isRequired: boolean
  /**
   * Makes sure that it is there.
   *
   * @throws Unavailable
   */
  prepare(): Promise<Prepared>
}

/** A runtime that is there. */
export interface Prepared {
  readonly version: string
  /** Runs every suite. Throws when there are no outcomes: a crash, or no end. */
  run(surroundings: Surroundings): Promise<readonly Outcome[]>
}

/** What a runtime is given. */
export interface Surroundings {
  readonly settings: Settings
  /** An empty folder of its own. */
  readonly folder: string
  /** Shows files to pages, under the origin the gateway allows. */
  readonly pages: { readonly url: string; readonly files: Map<string, string> }
}

/** Milliseconds for all suites; they take some ten seconds. */
export const PATIENCE_MS = 180_000
