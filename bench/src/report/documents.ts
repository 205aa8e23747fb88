import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawChart } from '../plot/chart.js'
import { printReport, type Report } from './print.js'
import { short } from './table.js'

/**
 * Writes a run into the documentation: its chart, its output as a page, and the table at the head of the page
 * about performance.
 *
 * @param folder - `docs` of the repository
 */
export async function writeDocuments(report: Report, folder: string): Promise<void> {
  const path = join(folder, 'performance.md')
  const page = await readFile(path, 'utf8')
  await writeFile(
    path,
    page.replace(FIRST_TABLE, () => summaryTable(report)),
  )
  await writeFile(join(folder, 'images/performance.svg'), drawChart(report))
  await writeFile(join(folder, 'performance-run.md'), runPage(report))
}

const FIRST_TABLE = /^\|.*(?:\n\|.*)*/m

/** The main results as a table of Markdown. */
export function summaryTable({ machine, results }: Report): string {
  const { call, cold, stream, memory, gateway, bundles } = results
  const calls = (call?.rows ?? []).map(({ size, roundTripMs, plainMs, wire2Ms, oursMs }) => [
    roundTripMs === 0 ? `a call of ${size}` : `a call of ${size}, ${roundTripMs} ms away`,
    ...[plainMs, wire2Ms, oursMs].map((value) => `${short(value)} ms`),
  ])
  const events = (name: 'firstMs' | 'totalMs'): string[] => [
    ...[stream?.direct, stream?.wire2].map((times) => `${short(times?.[name] ?? Number.NaN)} ms`),
    '',
  ]
  const start = (times?: { readonly importMs: number; readonly firstCompletionMs: number }) =>
    `${short((times?.importMs ?? Number.NaN) + (times?.firstCompletionMs ?? 0))} ms`
  const of9Mb = (name: keyof NonNullable<typeof memory>['multiples']): string =>
    `${short(memory?.multiples[name] ?? Number.NaN)} times`
  const most = gateway?.rows.at(-1)?.perSecond ?? Number.NaN
  const bundle = (name: string): string =>
    `${short((bundles?.find((row) => row.name === name)?.initialBytes ?? Number.NaN) / 1000)} kB`
  return markdownTable([
    [`${machine.cores} cores, Node ${machine.node}`, 'plain', 'wire 2', 'wire 1'],
    ...calls,
    ['first event of a stream', ...events('firstMs')],
    [`${stream?.events} events of a stream`, ...events('totalMs')],
    ['first answer of a new process', start(cold?.plain), start(cold?.wire2), start(cold?.madeKey)],
    [
      'memory for 9 MB, of their size',
      of9Mb('call, plain fetch'),
      of9Mb('call, wire 2'),
      of9Mb('call, ours'),
    ],
    [
      'answers a second of a gateway',
      '',
      short(gateway?.wire2.perSecond ?? Number.NaN),
      short(most),
    ],
    ['code for a browser', '', bundle('@nomyo/client with wire 2'), bundle('@nomyo/client')],
  ])
}

const runPage = (report: Report): string => `# A run of the benchmarks

The output of \`pnpm bench\` behind the table and the chart of [performance](performance.md), which explains it. How every number is
measured: [bench](../bench/README.md). Words: [glossary](glossary.md).

\`\`\`text
${printReport(report)}
\`\`\`
`

/** Writes a table as Prettier formats it. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const [first, ...rest] = rows.map((row) =>
    line(widths.map((width, column) => (row[column] ?? '').padEnd(width))),
  )
  return [first, line(widths.map((width) => '-'.repeat(width))), ...rest].join('\n')
}
