import { expect, it } from 'vitest'
import {
  formatFinding,
  formatJsonReport,
  formatSummary,
  ok,
  problem,
  terminalPaint,
  warning,
} from '../src/index.js'

const FINDINGS = [
  { check: 'one', ...ok('fine', 1.23) },
  { check: 'two', ...warning('slow\nand more', 'wait', 1234.5) },
  { check: 'three', ...problem('\u001b[2Jbroken') },
]

it('formats findings as lines that hold nothing a terminal obeys', () => {
  expect(FINDINGS.map((finding) => formatFinding(finding))).toEqual([
    'ok       one            fine (1.2 ms)',
    `warning  two            slow and more (1235 ms)\n${' '.repeat(24)}-> wait`,
    'problem  three          [2Jbroken',
  ])
  expect(formatFinding({ check: 'one', ...ok('fine') }, terminalPaint)).toBe(
    '\u001b[32mok     \u001b[0m  one            fine',
  )
})

it('counts findings by severity', () => {
  expect(formatSummary(FINDINGS)).toBe('1 ok, 1 warning, 1 problem')
  expect(formatSummary([])).toBe('0 ok, 0 warnings, 0 problems')
})

it('writes JSON that is ok without a problem', () => {
  expect(JSON.parse(formatJsonReport(FINDINGS))).toEqual({ ok: false, findings: FINDINGS })
  expect(JSON.parse(formatJsonReport(FINDINGS.slice(0, 2)))).toMatchObject({ ok: true })
})
