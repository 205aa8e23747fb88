// Adds up test runs and the checks around them, and says so in the last line:
// node scripts/tally.mjs <exit code of a test run> <its JSON report> […] [<check>=<exit code> …]
import { readFileSync } from 'node:fs'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'

/**
 * What counts of the JSON report of a test run.
 *
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ status: string, assertionResults: { status: string }[] }[]} testResults
 */

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * The tests of one run. Nothing that went wrong is lost: a file that did not load, a missing report
 * and a run that failed without a failed test (an unhandled rejection) count as a failure each.
 *
 * @param {number} exitCode
 * @param {Report | undefined} report
 * @returns {Tally}
 */
export function tallyTests(exitCode, report) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  )
  const failed = report.numFailedTests + unloadable.length
  return {
    passed: report.numPassedTests,
    failed: exitCode !== 0 && failed === 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/**
 * Adds checks, each as one test that passed when its exit code is 0.
 *
 * @param {Tally} tests
 * @param {readonly string[]} checks as `name=exit code`
 * @returns {Tally}
 */
export function addChecks(tests, checks) {
  const passed = checks.filter((check) => check.endsWith('=0')).length
  return {
    passed: tests.passed + passed,
    failed: tests.failed + checks.length - passed,
    skipped: tests.skipped,
  }
}

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally}
 */
export function addUp(tallies) {
  /** @param {keyof Tally} name */
  const sum = (name) => tallies.reduce((total, tally) => total + tally[name], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}

/**
 * What the command was told. Told of no run it counts one without a report, which has failed.
 *
 * @param {readonly string[]} parameters
 * @returns {{ runs: { exitCode: number, reportPath: string }[], checks: string[] }}
 */
export function readParameters(parameters) {
  const isCheck = (/** @type {string} */ parameter) => /^\w+=/.test(parameter)
  const rest = parameters.filter((parameter) => !isCheck(parameter))
  const runs = Array.from({ length: Math.max(Math.ceil(rest.length / 2), 1) }, (_, index) => ({
    exitCode: Number(rest[2 * index]),
    reportPath: rest[2 * index + 1] ?? '',
  }))
  return { runs, checks: parameters.filter(isCheck) }
}

/**
 * @param {string} path
 * @returns {Report | undefined} undefined when there is none that can be read
 */
export function readReport(path) {
  try {
    const report = /** @type {Partial<Report> | null} */ (JSON.parse(readFileSync(path, 'utf8')))
    return Array.isArray(report?.testResults) ? /** @type {Report} */ (report) : undefined
  } catch {
    return undefined
  }
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { runs, checks } = readParameters(argv.slice(2))
  const tallies = runs.map(({ exitCode, reportPath }) =>
    tallyTests(exitCode, readReport(reportPath)),
  )
  const { passed, failed, skipped } = addChecks(addUp(tallies), checks)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  // Checks alone prove nothing: a run without a single test was broken.
  if (failed > 0 || tallies.some((tally) => tally.passed === 0)) process.exitCode = 1
}
