// Adds up test reports and checks, and prints the sum as the last line:
// node tools/summarize-results.mjs <task>=<exit code>…
// `test` and `test:slow` have a report in every member that has a script of this name; every other task
// is a check and counts as one test. Tests that failed, and tests that passed only at their second attempt,
// are listed before that line.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv, cwd } from 'node:process'
import { readMembers } from './workspace.mjs'

/**
 * The part of a vitest JSON report that counts.
 *
 * @typedef {object} Report
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {FileResult[]} testResults
 */

/**
 * @typedef {object} FileResult
 * @property {string} status
 * @property {string} [name] the path of the file
 * @property {string} [message] the reason why it did not load
 * @property {{ status: string, fullName?: string, failureMessages?: string[] }[]} assertionResults
 */

/**
 * @typedef {object} Sum
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/**
 * Adds up the reports of one run. A file that did not load, a missing report, and a run that failed
 * without a failed test (an unhandled rejection) count as one failure each, as does a run without a
 * single passed test.
 *
 * @param {number} exitCode
 * @param {readonly (Report | undefined)[]} reports
 * @returns {Sum}
 */
export function sumOfRun(exitCode, reports) {
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const report of reports) {
    if (report === undefined) {
      sum.failed++
      continue
    }
    const unloadable = report.testResults.filter(didNotLoad)
    sum.passed += report.numPassedTests
    sum.failed += report.numFailedTests + unloadable.length
    sum.skipped += report.numPendingTests + report.numTodoTests
  }
  if (sum.failed === 0 && (exitCode !== 0 || sum.passed === 0)) sum.failed++
  return sum
}

/**
 * Tells whether a file failed without a failed test.
 *
 * @param {FileResult} file
 * @returns {boolean}
 */
function didNotLoad({ status, assertionResults }) {
  return status === 'failed' && assertionResults.every((test) => test.status !== 'failed')
}

/**
 * Lists the tests of a run that deserve a look, a line each with the first line of the last error. A test that
 * passed at its second attempt still has the error of the first.
 *
 * @param {Report} report
 * @returns {string[]}
 */
export function remarkableTests(report) {
  return report.testResults.flatMap((file) => {
    const { name = '', message = '', assertionResults } = file
    const tests = assertionResults.flatMap((test) => {
      const error = test.failureMessages?.at(-1)?.split('\n', 1)[0]
      if (error === undefined) return []
      const outcome = test.status === 'failed' ? 'failed' : 'passed at its second attempt'
      return [`${outcome}: ${name}: ${test.fullName}: ${error}`]
    })
    return didNotLoad(file) ? [`failed: ${name}: ${message.split('\n', 1)[0]}`, ...tests] : tests
  })
}

/**
 * Reads a report.
 *
 * @param {string} path
 * @returns {Report | undefined} undefined when it is missing or unreadable
 */
function readReport(path) {
  try {
    const report = /** @type {Partial<Report> | null} */ (JSON.parse(readFileSync(path, 'utf8')))
    return Array.isArray(report?.testResults) ? /** @type {Report} */ (report) : undefined
  } catch {
    return undefined
  }
}

/**
 * Adds up one parameter of the command.
 *
 * @param {string} parameter
 * @param {string} root
 * @returns {Sum}
 */
function sumOf(parameter, root) {
  const [, task = '', code = ''] = /^([\w:-]+)=(\d+)$/.exec(parameter) ?? []
  const exitCode = code === '' ? Number.NaN : Number(code)
  if (/^test\b/.test(task)) {
    const members = readMembers(root).filter(({ manifest }) => manifest.scripts?.[task])
    const file = `.reports/${task.replace('test:', '')}.json`
    const reports = members.map(({ folder }) => readReport(join(folder, file)))
    for (const report of reports) {
      for (const line of report ? remarkableTests(report) : []) console.log(line)
    }
    return sumOfRun(exitCode, reports)
  }
  return { passed: exitCode === 0 ? 1 : 0, failed: exitCode === 0 ? 0 : 1, skipped: 0 }
}

if (argv[1] === import.meta.filename) {
  const parameters = argv.slice(2)
  const sums = parameters.map((parameter) => sumOf(parameter, cwd()))
  /** @param {keyof Sum} key */
  const total = (key) => sums.reduce((sum, one) => sum + one[key], 0)
  console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`)
  if (total('failed') > 0 || parameters.length === 0) process.exitCode = 1
}
