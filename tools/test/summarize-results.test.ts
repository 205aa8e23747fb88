import { join } from 'node:path'
import { startProgram, temporaryFolder, writeFiles, type Ended } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { remarkableTests, sumOfRun, type Report } from '../summarize-results.mjs'

const report = (changes: Partial<Report> = {}): Report => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ status: 'passed', assertionResults: [{ status: 'passed' }] }],
  ...changes,
})

const unloadable = { status: 'failed', assertionResults: [] }
const failing = { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] }

describe('sumOfRun', () => {
  it.each([
    ['a clean run', 0, [report()], [3, 0, 0]],
    ['several reports', 0, [report(), report({ numPassedTests: 4 })], [7, 0, 0]],
    ['skipped and to-do tests', 0, [report({ numPendingTests: 2, numTodoTests: 1 })], [3, 0, 3]],
    ['a failed test, once', 1, [report({ numFailedTests: 1, testResults: [failing] })], [3, 1, 0]],
    ['a file that did not load', 1, [report({ testResults: [unloadable] })], [3, 1, 0]],
    ['a run that failed without a failed test', 1, [report()], [3, 1, 0]],
    ['an invalid exit code', Number.NaN, [report()], [3, 1, 0]],
    ['a missing report', 0, [report(), undefined], [3, 1, 0]],
    ['a run without a passed test', 0, [report({ numPassedTests: 0 })], [0, 1, 0]],
    ['a run without a report', 0, [], [0, 1, 0]],
  ])('counts %s', (_, exitCode, reports, [passed, failed, skipped]) => {
    expect(sumOfRun(exitCode, reports)).toEqual({ passed, failed, skipped })
  })
})

describe('remarkableTests', () => {
  const test = (status: string, ...failureMessages: string[]) => ({
    status,
    fullName: 'a test',
    failureMessages,
  })
  const file = (status: string, ...assertionResults: ReturnType<typeof test>[]) =>
    report({
      testResults: [{ status, name: 'a.test.ts', message: 'no x\nat y', assertionResults }],
    })

  it.each([
    ['no test that passed at once', file('passed', test('passed')), []],
    [
      'a test that failed, with its last error',
      file('failed', test('passed'), test('failed', 'Error: 1\n    at x', 'Error: 2\n    at x')),
      ['failed: a.test.ts: a test: Error: 2'],
    ],
    [
      'a test that passed at its second attempt',
      file('passed', test('passed', 'Error: 1\n    at x')),
      ['passed at its second attempt: a.test.ts: a test: Error: 1'],
    ],
    ['a file that did not load', file('failed'), ['failed: a.test.ts: no x']],
  ])('lists %s', (_, of, lines) => {
    expect(remarkableTests(of)).toEqual(lines)
  })
})

describe('the command', () => {
  const clean = JSON.stringify(report())
  const none = JSON.stringify(report({ numPassedTests: 0 }))

  it.each([
    ['all passed', ['test=0', 'test:slow=0', 'lint=0', 'types=0'], clean, '8 passed, 0 failed', 0],
    ['a run failed', ['test=0', 'test:slow=1'], clean, '6 passed, 1 failed', 1],
    ['a check failed', ['test=0', 'lint=2'], clean, '3 passed, 1 failed', 1],
    ['a report is missing', ['test=0', 'test:more=0'], clean, '3 passed, 1 failed', 1],
    ['no test passed', ['test:slow=0', 'lint=0'], none, '1 passed, 1 failed', 1],
    ['a report is cut short', ['test:slow=0', 'lint=0'], clean.slice(9), '1 passed, 1 failed', 1],
    ['a report is another file', ['test:slow=0', 'lint=0'], 'null', '1 passed, 1 failed', 1],
    ['a parameter is malformed', ['test=0', 'lint='], clean, '3 passed, 1 failed', 1],
    ['there are no parameters', [], clean, '0 passed, 0 failed', 1],
  ])('prints the sum as its last line when %s', async (_, parameters, slow, line, code) => {
    const root = temporaryFolder()
    const files = {
      'packages/a/package.json': '{ "scripts": { "test": "vitest run" } }',
      'packages/a/.reports/test.json': clean,
      'packages/b/package.json': '{ "scripts": { "test:slow": "vitest", "test:more": "vitest" } }',
      'packages/b/.reports/slow.json': slow,
    }
    writeFiles(root, files)
    const ended = await summarize(root, parameters)
    expect(ended).toMatchObject({ code, stdout: `${line}, 0 skipped\n` })
  })
})

const summarize = (cwd: string, parameters: string[]): Promise<Ended> => {
  const script = join(import.meta.dirname, '../summarize-results.mjs')
  return startProgram(process.execPath, [script, ...parameters], { cwd }).ended
}
