import { expect, it } from 'vitest'
import type { Results } from '../src/measure.js'
import { notesOf, printReport } from '../src/report/print.js'
import { short, table } from '../src/report/table.js'
import { evaluateTargets } from '../src/targets.js'
import { GOOD, IDLE } from './support/results.js'

const print = (results: Results): string =>
  printReport({
    machine: IDLE,
    seconds: 1,
    sectionSeconds: { seal: 1 },
    results,
    targets: evaluateTargets(results),
    notes: notesOf(IDLE, results, false),
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
  expect(notesOf(IDLE, {}, false)).toEqual([])
  expect(notesOf({ ...IDLE, load: 3 }, {}, false)).toHaveLength(1)
  expect(notesOf(IDLE, {}, true)).toHaveLength(1)
  expect(notesOf(IDLE, { seal: [] }, false)).toHaveLength(1)
  const gateway = { ...GOOD.gateway, oneCorePerSecond: null }
  expect(notesOf(IDLE, { gateway }, false)).toHaveLength(2)
  const rows = GOOD.gateway.rows.map((row) => ({ ...row, ofLimit: 1.06 }))
  expect(notesOf(IDLE, { gateway: { ...GOOD.gateway, rows } }, false)).toHaveLength(2)
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
