import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { CHECKS } from '../src/checks/checks.js'

const README = new URL('../README.md', import.meta.url)
const SOURCE = new URL('../src/checks/checks.ts', import.meta.url)
const SECTION = /(?<=<!-- checks -->\n)[^]*(?=<!-- \/checks -->)/

/** With UPDATE_README=1 it writes the table. */
it('has the table of checks', () => {
  const readme = readFileSync(README, 'utf8')
  const updated = readme.replace(SECTION, () => `\n${table(checkRows())}\n\n`)
  if (process.env['UPDATE_README'] === '1') writeFileSync(README, updated)
  else expect(readme).toBe(updated)
})

/** Rows of the table: the comment above each row of CHECKS completes "passes when". */
function checkRows(): string[][] {
  const source = readFileSync(SOURCE, 'utf8')
  const comments = new Map(
    Array.from(
      source.matchAll(/\/\/ (.+)\n\s*\{\s*id: '([\w.]+)'/g),
      ([, comment = '', id = '']) => [id, comment] as const,
    ),
  )
  const rows = CHECKS.map(({ id, establishesAuthenticity }) => [
    `\`${id}\``,
    comments.get(id) ?? '',
    establishesAuthenticity ? 'yes' : 'no',
  ])
  expect(rows.filter(([, comment]) => comment === '')).toEqual([])
  return [['id', 'passes when', 'authenticity'], ...rows]
}

/** Formats a Markdown table as Prettier does. */
function table([head = [], ...rows]: string[][]): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: string[], fill = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`
  const rule = line(
    head.map(() => ''),
    '-',
  )
  return [line(head), rule, ...rows.map((row) => line(row))].join('\n')
}
