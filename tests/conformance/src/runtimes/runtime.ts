import type { Outcome } from '../suites/case.js'
import type { Settings } from '../suites/suites.js'

/** One row of the table. */
export interface Runtime {
  /** For `--only`. */
  readonly id: string
  /** Shown in the table. */
  readonly name: string
  /** A CI run without a required runtime fails. */
  readonly isRequired: boolean
  /**
   * Installs it, if necessary.
   *
   * @throws Unavailable
   */
  prepare(): Promise<Prepared>
}

/** An installed runtime. */
export interface Prepared {
  readonly version: string
  /** Runs every suite. Throws without outcomes: after a crash or a timeout. */
  run(surroundings: Surroundings): Promise<readonly Outcome[]>
}

/** Inputs of a runtime. */
export interface Surroundings {
  readonly settings: Settings
  /** An empty folder of its own. */
  readonly folder: string
  /** Serves files to pages, under the origin that the gateway allows. */
  readonly pages: { readonly url: string; readonly files: Map<string, string> }
}

/** Milliseconds for all suites; they take some ten seconds. */
export const PATIENCE_MS = 180_000
