import type { NamedFinding } from '@nomyo-internal/diagnostics'
import { runCommand } from '../support.js'

/** Report of the doctor. */
export interface Diagnosed {
  readonly exitCode: number
  readonly ok: boolean
  readonly findings: readonly NamedFinding[]
  readonly text: string
}

/** Looks at what these options of a start say; `--json` also proves that it can be parsed. */
export async function diagnose(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Diagnosed> {
  const { stdout: text, code: exitCode } = await runCommand(
    ['doctor', ...args, '--json'],
    environment,
  )
  return { ...(JSON.parse(text) as Pick<Diagnosed, 'ok' | 'findings'>), exitCode, text }
}

/** The statuses of one check, in order. */
export const statusesOf = ({ findings }: Diagnosed, check: string): readonly string[] =>
  findings.filter((finding) => finding.check === check).map(({ status }) => status)

/** The texts of one check: messages and remedies. */
export const textOf = ({ findings }: Diagnosed, check: string): string =>
  findings
    .filter((finding) => finding.check === check)
    .map(({ message, remedy = '' }) => `${message}\n${remedy}`)
    .join('\n')
