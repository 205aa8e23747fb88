import type { Outcome } from './suites/case.js'

/** How one runtime fared. */
export type Result = {
  /** With its version, as far as it is known. */
  readonly title: string
  readonly isRequired: boolean
} & (
  | { readonly outcomes: readonly Outcome[] }
  /** It was there, and did not come to an end. */
  | { readonly crash: string }
  /** It could not be had. */
  | { readonly missing: string }
)

/** The sum of all runtimes. */
export interface Sum {
  readonly passed: number
  readonly failed: number
  readonly notRun: number
}

/**
 * Adds up. A crash is a failure; a runtime that could not be had is one where all are wanted, but for
 * those that tests do without elsewhere, too.
 */
export function sumOf(results: readonly Result[], wantsAll: boolean): Sum {
  const sum = { passed: 0, failed: 0, notRun: 0 }
  for (const result of results) {
    if ('outcomes' in result) {
      const failed = result.outcomes.filter(({ error }) => error !== null).length
      sum.failed += failed
      sum.passed += result.outcomes.length - failed
    } else if ('crash' in result || isFailure(result, wantsAll)) sum.failed++
    else sum.notRun++
  }
  return sum
}

/** The sum and its parts in the form of Vitest's JSON report, so that one script adds up both. */
export function reportOf(results: readonly Result[], wantsAll: boolean): unknown {
  const { passed, failed, notRun } = sumOf(results, wantsAll)
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
        : [isFailure(result, wantsAll) ? 'failed' : 'pending', result.missing]
    return { name: result.title, status, message, assertionResults: [] }
  })
  // Those without a single case are counted by their status: here they would count twice.
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

const isFailure = ({ isRequired }: Result, wantsAll: boolean): boolean => wantsAll && isRequired
