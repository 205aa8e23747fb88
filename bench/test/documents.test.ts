import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder, writeFiles } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { notesOf, type Report } from '../src/report/print.js'
import { summaryTable, writeDocuments } from '../src/report/documents.js'
import { evaluateTargets } from '../src/targets.js'
import { GOOD, IDLE } from './support/results.js'

const REPORT: Report = {
  machine: IDLE,
  seconds: 1,
  sectionSeconds: { seal: 1 },
  results: GOOD,
  targets: evaluateTargets(GOOD),
  notes: notesOf(IDLE, GOOD, false),
}

it('the table of the main results has a number in every cell that is one', () => {
  const table = summaryTable(REPORT)
  expect(table).not.toMatch(/\?|NaN|undefined/)
  expect(table).toContain('| a call of 1 KB ')
  const rows = table.split('\n')
  expect(new Set(rows.map(({ length }) => length)).size).toBe(1)
  expect(rows[0]).toContain('Node 20.20.0')
})

it('a run replaces the first table of the page, and nothing else of it', async () => {
  const folder = temporaryFolder()
  writeFiles(folder, {
    'performance.md':
      '# Performance\n\n| old | $& |\n| --- | --- |\n| 1 | 2 |\n\nText.\n\n| kept |\n| --- |\n',
    'images/performance.svg': 'old',
  })
  await writeDocuments(REPORT, folder)
  const page = await readFile(join(folder, 'performance.md'), 'utf8')
  expect(page).toBe(`# Performance\n\n${summaryTable(REPORT)}\n\nText.\n\n| kept |\n| --- |\n`)
  expect(await readFile(join(folder, 'images/performance.svg'), 'utf8')).toMatch(/^<svg/)
  expect(await readFile(join(folder, 'performance-run.md'), 'utf8')).toContain('Targets')
})
