import {
  formatFinding,
  formatJsonReport,
  formatSummary,
  hasProblem,
  type NamedFinding,
  type Paint,
} from '@nomyo-internal/diagnostics'
import type { CommandArguments } from '../arguments.js'
import type { Command, CommandContext } from '../command.js'
import { EXIT } from '../exit-codes.js'
import { loadPolicy } from '../gateway/client.js'
import { GATEWAY_OPTIONS, readSettings } from '../settings/settings.js'
import { runChecks } from './run-checks.js'

/** `nomyo doctor`: checks every step between here and an answer. */
export const doctorCommand: Command = {
  about: 'checks every step between here and an answer',
  options: {
    chat: { value: 'MODEL', about: 'also make one encrypted round trip with this model' },
    json: { about: 'for programs: {ok, findings}' },
    ...GATEWAY_OPTIONS,
  },
  notes: [
    'Each step is ok, a warning (it works, and deserves attention) or a problem, with a line of advice.',
    'Nothing is changed: no key becomes known by it. Exit code 1 where there is a problem.',
  ],
  run: doctor,
}

async function doctor(
  { output, environment }: CommandContext,
  args: CommandArguments,
): Promise<number> {
  const settings = readSettings(args, environment)
  await loadPolicy(settings)
  const { good, warn, bad } = output.style
  const paint: Paint = (status, text) => ({ ok: good, warning: warn, problem: bad })[status](text)
  const json = args.flag('json')
  const findings: NamedFinding[] = []
  for await (const finding of runChecks(settings, args.text('chat'), environment)) {
    findings.push(finding)
    if (!json) output.line(formatFinding(finding, paint))
  }
  output.line(json ? formatJsonReport(findings) : `\n${formatSummary(findings)}`)
  return hasProblem(findings) ? EXIT.failed : EXIT.ok
}
