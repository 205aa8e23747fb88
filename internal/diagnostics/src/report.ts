import type { NamedFinding, Status } from './finding.js'
import { printableJson, printableLine } from './printable.js'

/** Colours text by the severity of its finding; returns it unchanged where colours are off. */
export type Paint = (status: Status, text: string) => string

/** Paints with the colours of a terminal. */
export const terminalPaint: Paint = (status, text) => `\u001b[${COLOURS[status]}m${text}\u001b[0m`

const COLOURS: Readonly<Record<Status, number>> = { ok: 32, warning: 33, problem: 31 }
const STATUS_WIDTH = 'problem'.length
const CHECK_WIDTH = 'configuration'.length

/** Formats a finding as one line, and a second one for its remedy. */
export function formatFinding(
  { check, status, message, remedy, ms }: NamedFinding,
  paint: Paint = (_, text) => text,
): string {
  const time = ms === undefined ? '' : ` (${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms)`
  const label = paint(status, status.padEnd(STATUS_WIDTH))
  const line = `${label}  ${check.padEnd(CHECK_WIDTH)}  ${printableLine(message)}${time}`
  if (remedy === undefined) return line
  return `${line}\n${' '.repeat(STATUS_WIDTH + CHECK_WIDTH + 4)}-> ${printableLine(remedy)}`
}

/** Counts findings by severity, such as `3 ok, 1 warning, 0 problems`. */
export function formatSummary(findings: readonly NamedFinding[]): string {
  const count = (status: Status, plural: string): string => {
    const { length } = findings.filter((finding) => finding.status === status)
    return `${length} ${status}${length === 1 ? '' : plural}`
  }
  return `${count('ok', '')}, ${count('warning', 's')}, ${count('problem', 's')}`
}

/** Formats a report as JSON: `ok` is false where any finding is a problem. */
export const formatJsonReport = (findings: readonly NamedFinding[]): string =>
  printableJson({ ok: !hasProblem(findings), findings })

/** Checks whether any finding is a problem. */
export const hasProblem = (findings: readonly NamedFinding[]): boolean =>
  findings.some(({ status }) => status === 'problem')
