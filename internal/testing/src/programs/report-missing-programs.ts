import { missingPrograms } from './installed.js'

/**
 * Reports once per run, in one line, which programs are missing and their tests skipped. A global setup
 * of Vitest: every project of the run may name it.
 */
export function setup(): void {
  const reported = 'NOMYO_TEST_MISSING_PROGRAMS'
  if (process.env[reported] !== undefined) return
  const missing = missingPrograms().join(', ')
  process.env[reported] = missing
  if (missing !== '') console.info(`skipped for lack of programs, tests that need: ${missing}`)
}
