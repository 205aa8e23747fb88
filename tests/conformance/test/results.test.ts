import { describe, expect, it } from 'vitest'
import { formatTable, reportOf, sumOf, type Result } from '../src/results.js'

const outcome = (suite: string, error: string | null = null) => ({
  suite,
  name: 'case',
  error,
  durationMs: 1,
})
const sound: Result = {
  title: 'Node 1.2.3',
  isRequired: true,
  outcomes: [outcome('crypto'), outcome('crypto'), outcome('client')],
}
const failing: Result = {
  title: 'Bun 4.5.6',
  isRequired: true,
  outcomes: [outcome('crypto'), outcome('client', 'expected 1, got 2')],
}
const crashed: Result = { title: 'Deno 7.8.9', isRequired: true, crash: 'ended with 137' }
const missing: Result = { title: 'workerd', isRequired: true, missing: 'no network' }
const optional: Result = { title: 'chromium', isRequired: false, missing: 'there is none' }
const all = [sound, failing, crashed, missing, optional]

describe('sumOf', () => {
  it.each([
    ['a runtime that passes', [sound], true, { passed: 3, failed: 0, notRun: 0 }],
    ['one that fails', [failing], false, { passed: 1, failed: 1, notRun: 0 }],
    ['one that crashes', [crashed], false, { passed: 0, failed: 1, notRun: 0 }],
    ['one that is missing', [missing], false, { passed: 0, failed: 0, notRun: 1 }],
    ['one that is missing and required', [missing], true, { passed: 0, failed: 1, notRun: 0 }],
    ['one that is optional', [optional], true, { passed: 0, failed: 0, notRun: 1 }],
    ['all of them', all, true, { passed: 4, failed: 3, notRun: 1 }],
  ])('counts %s', (_, results, requireAll, expected) => {
    expect(sumOf(results, requireAll)).toEqual(expected)
  })
})

describe('reportOf', () => {
  it('has the form of a test report', () => {
    expect(reportOf(all, true)).toMatchObject({
      numPassedTests: 4,
      numFailedTests: 1,
      numPendingTests: 1,
      success: false,
      testResults: [
        { name: 'Node 1.2.3', status: 'passed' },
        {
          name: 'Bun 4.5.6',
          status: 'failed',
          assertionResults: [
            { status: 'passed' },
            { fullName: 'client: case', status: 'failed', failureMessages: ['expected 1, got 2'] },
          ],
        },
        { name: 'Deno 7.8.9', status: 'failed', assertionResults: [] },
        { name: 'workerd', status: 'failed', assertionResults: [] },
        { name: 'chromium', status: 'pending', assertionResults: [] },
      ],
    })
  })
})

describe('formatTable', () => {
  it('has a row for each runtime, and says below what failed', () => {
    expect(formatTable(all, ['crypto', 'client'])).toBe(
      [
        '            crypto       client        total',
        'Node 1.2.3       2            1            3',
        'Bun 4.5.6        1  0, 1 FAILED  1, 1 FAILED',
        'Deno 7.8.9  FAILED: see below',
        'workerd     not run: no network',
        'chromium    not run: there is none',
        '',
        'Bun 4.5.6',
        '  client: case',
        '    expected 1, got 2',
        '',
        'Deno 7.8.9: ended with 137',
      ].join('\n'),
    )
  })
})
