import type { Status } from './finding.js'
import type { NamedFinding } from './examine.js'

const COLOURS: Readonly<Record<Status, number>> = { ok: 32, warning: 33, problem: 31 }
const STATUS_WIDTH = 'problem'.length
const CHECK_WIDTH = 'configuration'.length

/** Findings as lines for people. */
export function writeReport(findings: readonly NamedFinding[], coloured: boolean): string {
  const indent = ' '.repeat(STATUS_WIDTH + CHECK_WIDTH + 4)
  const lines = findings.flatMap(({ check, status, message, remedy, ms }) => {
    const label = status.padEnd(STATUS_WIDTH)
    const time = ms === undefined ? '' : ` (${ms} ms)`
    return [
      `${coloured ? paint(label, COLOURS[status]) : label}  ${check.padEnd(CHECK_WIDTH)}  ${printable(message)}${time}`,
      ...(remedy === undefined ? [] : [`${indent}-> ${printable(remedy)}`]),
    ]
  })
  const count = (status: Status, plural = ''): string => {
    const { length } = findings.filter((finding) => finding.status === status)
    return `${length} ${status}${length === 1 ? '' : plural}`
  }
  const sum = `${count('ok')}, ${count('warning', 's')}, ${count('problem', 's')}`
  return `${[...lines, '', sum].join('\n')}\n`
}

/** The same for machines. */
export function writeJson(findings: readonly NamedFinding[]): string {
  const ok = findings.every(({ status }) => status !== 'problem')
  return `${JSON.stringify({ ok, findings }, null, 2)}\n`
}

const paint = (text: string, colour: number): string => `\u001b[${colour}m${text}\u001b[0m`

/** Certificates and paths are of others, and may hold what a terminal obeys. */
const printable = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')
