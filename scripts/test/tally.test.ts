import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addChecks, addUp, tallyTests, type Report } from '../tally.mjs'

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

describe('tallyTests', () => {
  it.each([
    ['a clean run', 0, report(), { passed: 3, failed: 0, skipped: 0 }],
    [
      'skipped and to-do tests',
      0,
      report({ numPendingTests: 2, numTodoTests: 1 }),
      { passed: 3, failed: 0, skipped: 3 },
    ],
    [
      'a failed test, once',
      1,
      report({ numFailedTests: 1, testResults: [failing] }),
      { passed: 3, failed: 1, skipped: 0 },
    ],
    [
      'a file that did not load',
      1,
      report({ testResults: [unloadable] }),
      { passed: 3, failed: 1, skipped: 0 },
    ],
    ['a run that failed without a failed test', 1, report(), { passed: 3, failed: 1, skipped: 0 }],
    ['an exit code that is none', Number.NaN, report(), { passed: 3, failed: 1, skipped: 0 }],
    ['a missing report', 0, undefined, { passed: 0, failed: 1, skipped: 0 }],
  ])('counts %s', (_, exitCode, given, expected) => {
    expect(tallyTests(exitCode, given)).toEqual(expected)
  })
})

describe('addUp', () => {
  it('adds runs to each other', () => {
    const tests = { passed: 3, failed: 1, skipped: 2 }
    expect(addUp([tests, { passed: 10, failed: 0, skipped: 1 }])).toEqual({
      passed: 13,
      failed: 1,
      skipped: 3,
    })
  })
})

describe('addChecks', () => {
  it('counts each check as one test', () => {
    const tests = { passed: 3, failed: 1, skipped: 2 }
    expect(addChecks(tests, ['lint=0', 'types=2', 'layers=0'])).toEqual({
      passed: 5,
      failed: 2,
      skipped: 2,
    })
  })
})

describe('the command', () => {
  let folder: string
  let clean: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nomyo-tally-'))
    clean = join(folder, 'clean.json')
    await writeFile(clean, JSON.stringify(report()))
    await writeFile(join(folder, 'none.json'), JSON.stringify(report({ numPassedTests: 0 })))
    await writeFile(
      join(folder, 'failing.json'),
      JSON.stringify(report({ numPassedTests: 2, numFailedTests: 2, numPendingTests: 1 })),
    )
    await writeFile(join(folder, 'null.json'), 'null')
    await writeFile(join(folder, 'cut.json'), '{"numPassedTests": 3')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('prints the sum as its last line and exits with 0', async () => {
    expect(await tally(['0', clean, 'lint=0', 'types=0'])).toEqual({
      code: 0,
      output: '5 passed, 0 failed, 0 skipped\n',
    })
  })

  it('adds up several runs', async () => {
    const failing = join(folder, 'failing.json')
    const runs = ['0', clean, '1', failing, 'lint=0']
    expect(await tally(runs)).toEqual({ code: 1, output: '6 passed, 2 failed, 1 skipped\n' })
    expect(await tally(['0', clean, '0', clean])).toEqual({
      code: 0,
      output: '6 passed, 0 failed, 0 skipped\n',
    })
  })

  it.each([
    ['the second did not report', ['0', 'absent.json'], '3 passed, 1 failed, 0 skipped\n'],
    ['the second has no passed test', ['0', 'none.json'], '3 passed, 0 failed, 0 skipped\n'],
    ['the second is named by halves', ['0'], '3 passed, 1 failed, 0 skipped\n'],
  ])('exits with 1 when of two runs %s', async (_, [code = '', file], output) => {
    const second = file === undefined ? [code] : [code, join(folder, file)]
    expect(await tally(['0', clean, ...second])).toEqual({ code: 1, output })
  })

  it.each([
    ['a test failed', ['1', 'clean.json'], '3 passed, 1 failed, 0 skipped\n'],
    ['a check failed', ['0', 'clean.json', 'lint=1'], '3 passed, 1 failed, 0 skipped\n'],
    ['no test passed', ['0', 'none.json', 'lint=0'], '1 passed, 0 failed, 0 skipped\n'],
    ['there is no report', ['0', 'absent.json', 'lint=0'], '1 passed, 1 failed, 0 skipped\n'],
    ['the report is cut short', ['0', 'cut.json'], '0 passed, 1 failed, 0 skipped\n'],
    ['the report is another file', ['0', 'null.json'], '0 passed, 1 failed, 0 skipped\n'],
    ['it is told nothing', [], '0 passed, 1 failed, 0 skipped\n'],
  ])('exits with 1 when %s', async (_, [code, file, ...checks], output) => {
    const parameters = code === undefined ? [] : [code, join(folder, file ?? ''), ...checks]
    expect(await tally(parameters)).toEqual({ code: 1, output })
  })
})

function tally(parameters: string[]): Promise<{ code: unknown; output: string }> {
  const script = join(import.meta.dirname, '../tally.mjs')
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...parameters], (error, stdout) => {
      resolve({ code: error === null ? 0 : error.code, output: stdout })
    })
  })
}
