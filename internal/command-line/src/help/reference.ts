import { type OptionDefinition, type OptionDefinitions } from '../options/option.js'
import { describeOption, groupOptions, termOf } from './help.js'

/**
 * Renders options as a Markdown table, as Prettier formats it, for the reference of a README. Options with
 * groups have one table a group, each below a heading. Columns without content are left out.
 *
 * @param headingLevel - level of the headings of groups
 */
export function optionsTable(options: OptionDefinitions, headingLevel = 3): string {
  const groups = [...groupOptions(options)]
  return groups
    .map(([group, members]) => {
      const text = table([
        ['option', 'variable', 'default', 'description'],
        ...members.map(([name, option]) => cellsOf(name, option)),
      ])
      return groups.length === 1 ? text : `${'#'.repeat(headingLevel)} ${group}\n\n${text}`
    })
    .join('\n\n')
}

function cellsOf(name: string, option: OptionDefinition): string[] {
  const { flag, variable, default: text, defaultSummary } = option
  return [
    flag === false ? '' : code(termOf(name, option)),
    typeof variable === 'string' ? code(variable) : '',
    defaultSummary ?? (text === undefined ? '' : code(text)),
    describeOption(option),
  ].map((cell) => cell.replaceAll('|', '\\|'))
}

const code = (text: string): string => `\`${text}\``

function table(rows: readonly (readonly string[])[]): string {
  const used = (rows[0] ?? []).map((_, column) => rows.slice(1).some((row) => row[column] !== ''))
  const [header = [], ...body] = rows.map((row) => row.filter((_, column) => used[column]))
  const widths = header.map((_, column) =>
    Math.max(3, ...[header, ...body].map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join(
    '\n',
  )
}
