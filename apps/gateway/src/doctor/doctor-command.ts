import {
  EXIT,
  UsageError,
  defineOptions,
  describeServiceLink,
  printHelp,
  type Command,
  type CommandContext,
} from '@nomyo-internal/command-line'
import {
  formatFinding,
  formatJsonReport,
  formatSummary,
  hasProblem,
  ok,
  problem,
  terminalPaint,
  warning,
  type Finding,
  type NamedFinding,
} from '@nomyo-internal/diagnostics'
import type { GatewayConfig } from '../config/config.js'
import { gatewayConfig, readGatewaySettings } from '../config/load.js'
import { OPTIONS } from '../config/schema.js'
import { runChecks } from './run-checks.js'

/** `nomyo-gateway doctor`. Takes its arguments raw: a wrong configuration is a finding, not a usage error. */
export const doctorCommand: Command = {
  summary: 'check everything that a start with these options needs, without changing anything',
  options: {
    ...defineOptions({ json: { summary: 'print the report as JSON', group: 'Output' } }),
    ...OPTIONS,
  },
  runRaw: runDoctor,
}

async function runDoctor(args: readonly string[], context: CommandContext): Promise<number> {
  const { environment, stdout } = context
  if (args.includes('--help') || args.includes('-h')) {
    stdout.write(`${printHelp('nomyo-gateway', ['doctor'], doctorCommand)}\n`)
    return EXIT.ok
  }
  const json = args.includes('--json')
  const coloured = stdout.isTTY === true && (environment['NO_COLOR'] ?? '') === ''
  const write = (configuration: Finding, others: readonly NamedFinding[] = []): void => {
    const findings = [{ check: 'configuration', ...configuration }, ...others]
    if (json) {
      stdout.write(`${formatJsonReport(findings)}\n`)
      return
    }
    const paint = coloured ? terminalPaint : undefined
    const lines = findings.map((finding) => formatFinding(finding, paint))
    stdout.write(`${[...lines, '', formatSummary(findings)].join('\n')}\n`)
  }
  let config: GatewayConfig
  let notices: readonly NamedFinding[]
  try {
    const options = args.filter((arg) => arg !== '--json')
    const settings = readGatewaySettings(options, environment)
    if (settings.values.printConfig) throw settings.mistake('printConfig', 'is for a start')
    config = gatewayConfig(settings)
    notices = settings.serviceLinks.map((variable) => ({
      check: 'configuration',
      ...warning(
        describeServiceLink(variable),
        'if you did mean to set the port, use the option or the config file',
      ),
    }))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    write(problem(error.message, 'fix it; --help lists the options'))
    return EXIT.usage
  }
  const findings = await runChecks(config)
  write(ok('valid'), [...notices, ...findings])
  return hasProblem(findings) ? EXIT.failed : EXIT.ok
}
