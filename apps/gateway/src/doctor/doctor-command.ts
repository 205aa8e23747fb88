import type { Environment } from '../config/options/flag.js'
import { readOptions, type Command } from '../config/options/options.js'
import { UsageError } from '../config/options/usage-error.js'
import { examine, type NamedFinding } from './examine.js'
import { writeJson, writeReport } from './report.js'

/** What goes to standard output, and how the process ends. */
export interface Diagnosis {
  readonly text: string
  /** 0 when nothing is worse than a warning, 1 for a problem, 2 for a configuration that cannot be read. */
  readonly exitCode: 0 | 1 | 2
}

/**
 * `nomyo-gateway doctor`, with the options of a start: looks at all a gateway would need, and neither
 * starts one nor changes anything.
 */
export async function doctorCommand(
  args: readonly string[],
  environment: Environment,
  isTerminal: boolean,
): Promise<Diagnosis> {
  const json = args.includes('--json')
  const coloured = isTerminal && (environment['NO_COLOR'] ?? '') === ''
  const write = (findings: readonly NamedFinding[]): string =>
    json ? writeJson(findings) : writeReport(findings, coloured)
  let command: Command
  try {
    command = readOptions(
      args.filter((arg) => arg !== '--json'),
      environment,
    )
    if (command.kind === 'help') return { text: command.text, exitCode: 0 }
    if (command.kind !== 'start') throw new UsageError('doctor takes the options of a start only.')
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const remedy = 'mend it there; --help lists the options'
    const mistake = { check: CONFIGURATION, status: 'problem', message: error.message, remedy }
    return { text: write([mistake as NamedFinding]), exitCode: 2 }
  }
  const findings = await examine(command.config)
  const readable = { check: CONFIGURATION, status: 'ok', message: 'can be read' } as const
  return {
    text: write([readable, ...findings]),
    exitCode: findings.some(({ status }) => status === 'problem') ? 1 : 0,
  }
}

const CONFIGURATION = 'configuration'
