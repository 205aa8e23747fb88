import { expect, it } from 'vitest'
import type { Machine } from '../src/harness/machine.js'
import { printReport } from '../src/report/print.js'
import { notesOf } from '../src/report/report.js'
import { short, table } from '../src/report/table.js'
import type { Results } from '../src/results.js'
import { evaluateTargets } from '../src/targets.js'
import { GOOD } from './support/results.js'

const idle: Machine = {
  cpu: 'a processor',
  cores: 2,
  system: 'linux',
  node: '20.20.0',
  openssl: '3.0.0',
  load: 0.1,
  date: '2026-11-21T00:00:00.000Z',
}
const print = (results: Results): string =>
  printReport({
    machine: idle,
    seconds: 1,
    results,
    targets: evaluateTargets(results),
    notes: notesOf(idle, results, false),
  })

it('a report has every section, and every target with its verdict', () => {
  const text = print(GOOD)
  expect(text).not.toMatch(/NaN|undefined|\?/)
  for (const { what } of evaluateTargets(GOOD)) expect(text).toContain(what)
  expect(text).not.toContain('MISSED')
  expect(print({ bundles: [] })).toContain('MISSED')
})

it('a report has nothing of sections that were not measured', () => {
  const text = print({ appraisal: GOOD.appraisal })
  expect(text).toContain('Appraisal')
  expect(text).not.toMatch(/Gateway|Seal|Targets/)
})

it('notes say what stands in the way of believing the numbers', () => {
  expect(notesOf(idle, {}, false)).toEqual([])
  expect(notesOf({ ...idle, load: 3 }, {}, false)).toHaveLength(1)
  expect(notesOf(idle, {}, true)).toHaveLength(1)
  expect(notesOf(idle, { seal: [] }, false)).toHaveLength(1)
  const gateway = { ...GOOD.gateway, oneCorePerSecond: null }
  expect(notesOf(idle, { gateway }, false)).toHaveLength(2)
  const rows = GOOD.gateway.rows.map((row) => ({ ...row, ofLimit: 1.06 }))
  expect(notesOf(idle, { gateway: { ...GOOD.gateway, rows } }, false)).toHaveLength(2)
})

it('columns stand one below the other', () => {
  expect(table([['a', 'bb'], ['ccc', 'd'], []])).toBe('a     bb\nccc    d\n')
})

it.each([
  [0.1234, '0.12'],
  [12.34, '12.3'],
  [1234.5, '1235'],
  [Number.NaN, '?'],
])('%d is written %s', (value, text) => expect(short(value)).toBe(text))
