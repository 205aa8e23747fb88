import type { Result } from './results.js'

/** A row for each runtime, a column for each suite, and below it what failed and why. */
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
