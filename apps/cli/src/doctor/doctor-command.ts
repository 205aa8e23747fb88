import { EXIT, defineOptions } from '@nomyo-internal/command-line'
import {
  formatFinding,
  formatJsonReport,
  formatSummary,
  hasProblem,
  type NamedFinding,
  type Paint,
} from '@nomyo-internal/diagnostics'
import { cliCommand } from '../commands/cli-command.js'
import {
  GATEWAY_OPTIONS,
  REQUEST_OPTIONS,
  readGatewaySettings,
} from '../settings/gateway-settings.js'
import { loadPolicy } from '../settings/policy.js'
import { runChecks } from './run-checks.js'

/** `nomyo doctor`: checks every step between this machine and an answer. */
export const doctorCommand = cliCommand({
  summary: 'check every step between this machine and an answer',
  options: {
    ...defineOptions({
      chat: {
        value: 'MODEL',
        summary:
          'also send one encrypted request to this model, and measure whether the path holds the ' +
          'stream of its answer back',
      },
      json: { summary: 'print {ok, findings} as JSON, for programs' },
      // As the config file names them.
      model: { ...REQUEST_OPTIONS.model, flag: false, member: 'model' },
      tier: { ...REQUEST_OPTIONS.tier, flag: false, member: 'tier' },
    }),
    ...GATEWAY_OPTIONS,
  },
  notes: [
    'Each step is ok, a warning (it works, and deserves attention) or a problem, with a line of ' +
      'advice. Nothing is changed: no key becomes known. The exit code is 1 where there is a problem.',
  ],
  run: async (call) => {
    const { settings, context, output } = call
    const { chat, json } = settings.values
    const gateway = readGatewaySettings(call)
    await loadPolicy(gateway)
    const { good, warn, bad } = output.style
    const paint: Paint = (status, text) => ({ ok: good, warning: warn, problem: bad })[status](text)
    const findings: NamedFinding[] = []
    for await (const finding of runChecks(gateway, chat, context.environment)) {
      findings.push(finding)
      if (!json) output.line(formatFinding(finding, paint))
    }
    output.line(json ? formatJsonReport(findings) : `\n${formatSummary(findings)}`)
    return hasProblem(findings) ? EXIT.failed : EXIT.ok
  },
})
