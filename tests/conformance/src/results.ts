import type { Outcome } from './suites/case.js'

/** Outcome of one runtime. */
export type Result = {
  /** With its version, as far as it is known. */
  readonly title: string
  readonly isRequired: boolean
} & (
  | { readonly outcomes: readonly Outcome[] }
  /** The runtime started and did not finish. */
  | { readonly crash: string }
  /** The runtime could not be installed. */
  | { readonly missing: string }
)

/** The sum of all runtimes. */
export interface Sum {
  readonly passed: number
  readonly failed: number
  readonly notRun: number
}

/**
 * Adds up results. A crash is a failure; so is a missing runtime when all are required, except one that
 * other tests can do without as well.
 */
export function sumOf(results: readonly Result[], requireAll: boolean): Sum {
  const sum = { passed: 0, failed: 0, notRun: 0 }
  for (const result of results) {
    if ('outcomes' in result) {
      const failed = result.outcomes.filter(({ error }) => error !== null).length
      sum.failed += failed
      sum.passed += result.outcomes.length - failed
    } else if ('crash' in result || isFailure(result, requireAll)) sum.failed++
    else sum.notRun++
  }
  return sum
}

/** Converts results to the format of Vitest's JSON report, which tools/summarize-results.mjs reads. */
export function reportOf(results: readonly Result[], requireAll: boolean): unknown {
  const { passed, failed, notRun } = sumOf(results, requireAll)
  const testResults = results.map((result) => {
    if ('outcomes' in result) {
      const assertionResults = result.outcomes.map(({ suite, name, error, durationMs }) => ({
        fullName: `${suite}: ${name}`,
        status: error === null ? 'passed' : 'failed',
        duration: durationMs,
        failureMessages: error === null ? [] : [error],
      }))
      const isSound = assertionResults.every(({ status }) => status === 'passed')
      return { name: result.title, status: isSound ? 'passed' : 'failed', assertionResults }
    }
    const [status, message] =
      'crash' in result
        ? ['failed', result.crash]
        : [isFailure(result, requireAll) ? 'failed' : 'pending', result.missing]
    return { name: result.title, status, message, assertionResults: [] }
  })
  // Runtimes without a single case count by their status; here they would count twice.
  const cases = results.flatMap((result) => ('outcomes' in result ? result.outcomes : []))
  return {
    numPassedTests: passed,
    numFailedTests: cases.filter(({ error }) => error !== null).length,
    numPendingTests: notRun,
    numTodoTests: 0,
    success: failed === 0,
    testResults,
  }
}

const isFailure = ({ isRequired }: Result, requireAll: boolean): boolean => requireAll && isRequired

/** Formats a row per runtime, a column per suite, and below them the failures with their reasons. */
export function formatTable(results: readonly Result[], suites: readonly string[]): string {
  const head = ['', ...suites, 'total']
  const rows = results.map((result) => [result.title, ...cellsOf(result, suites)])
  const widths = head.map((name, column) =>
    Math.max(
      name.length,
      ...rows.map((row) => (row.length === 2 ? 0 : (row[column] ?? '').length)),
    ),
  )
  const titleWidth = Math.max(...rows.map(([title = '']) => title.length))
  const line = ([title = '', ...cells]: readonly string[]): string =>
    [
      title.padEnd(titleWidth),
      ...(cells.length === 1
        ? cells
        : cells.map((cell, index) => cell.padStart(widths[index + 1] ?? 0))),
    ].join('  ')
  return [head, ...rows].map(line).concat(failuresOf(results)).join('\n')
}

function cellsOf(result: Result, suites: readonly string[]): string[] {
  if ('missing' in result) return [`not run: ${result.missing}`]
  if ('crash' in result) return ['FAILED: see below']
  const { outcomes } = result
  const count = (chosen: typeof outcomes): string => {
    const failed = chosen.filter(({ error }) => error !== null).length
    return failed === 0 ? String(chosen.length) : `${chosen.length - failed}, ${failed} FAILED`
  }
  return [
    ...suites.map((name) => count(outcomes.filter(({ suite }) => suite === name))),
    count(outcomes),
  ]
}

function failuresOf(results: readonly Result[]): string[] {
  return results.flatMap((result) => {
    if ('missing' in result) return []
    if ('crash' in result) return ['', `${result.title}: ${result.crash}`]
    const failed = result.outcomes.filter(({ error }) => error !== null)
    if (failed.length === 0) return []
    const lines = failed.map(({ suite, name, error }) => `  ${suite}: ${name}\n    ${error ?? ''}`)
    return ['', result.title, ...lines]
  })
}
