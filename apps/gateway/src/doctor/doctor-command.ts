import {
  formatFinding,
  formatJsonReport,
  formatSummary,
  hasProblem,
  ok,
  problem,
  terminalPaint,
  type Finding,
  type NamedFinding,
} from '@nomyo-internal/diagnostics'
import type { Environment } from '../config/options/flag.js'
import { readOptions, type Command } from '../config/options/options.js'
import { UsageError } from '../config/options/usage-error.js'
import { runChecks } from './run-checks.js'

/** Output and exit code of the doctor. */
export interface Diagnosis {
  /** Goes to standard output. */
  readonly text: string
  /** 0 where nothing is worse than a warning, 1 for a problem, 2 for an unreadable configuration. */
  readonly exitCode: 0 | 1 | 2
}

/**
 * Runs `nomyo-gateway doctor` with the options of a start: examines everything a gateway needs, and
 * neither starts one nor changes anything.
 */
export async function doctorCommand(
  args: readonly string[],
  environment: Environment,
  isTerminal: boolean,
): Promise<Diagnosis> {
  const json = args.includes('--json')
  const paint = isTerminal && (environment['NO_COLOR'] ?? '') === '' ? terminalPaint : undefined
  const format = (configuration: Finding, others: readonly NamedFinding[] = []): string => {
    const findings = [{ check: 'configuration', ...configuration }, ...others]
    if (json) return `${formatJsonReport(findings)}\n`
    const lines = findings.map((finding) => formatFinding(finding, paint))
    return `${[...lines, '', formatSummary(findings)].join('\n')}\n`
  }
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
    return { text: format(problem(error.message, 'fix it; --help lists the options')), exitCode: 2 }
  }
  const findings = await runChecks(command.config)
  return { text: format(ok('can be read'), findings), exitCode: hasProblem(findings) ? 1 : 0 }
}
