import type { CommandArguments } from '../arguments.js'
import type { Command, CommandContext } from '../command.js'
import { EXIT } from '../exit-codes.js'
import { loadPolicy } from '../gateway/client.js'
import { jsonText, oneLine, type Output } from '../output.js'
import { GATEWAY_OPTIONS, readSettings } from '../settings/settings.js'
import { examine } from './examine.js'
import type { Finding, Status } from './finding.js'

/** `nomyo doctor`: looks at every step between here and an answer. */
export const doctorCommand: Command = {
  about: 'looks at every step between here and an answer',
  options: {
    chat: { value: 'MODEL', about: 'also make one sealed round trip with this model' },
    json: { about: 'for programs: {ok, findings}' },
    ...GATEWAY_OPTIONS,
  },
  notes: [
    'Each step is ok, a warning (it would work, and somebody should know this) or a problem, with a line of',
    'what to do. Nothing is changed: no key becomes known by it. Exit code 1 where there is a problem.',
  ],
  run: doctor,
}

async function doctor(
  { output, environment }: CommandContext,
  args: CommandArguments,
): Promise<number> {
  const settings = readSettings(args, environment)
  await loadPolicy(settings)
  const findings: Finding[] = []
  const isJson = args.flag('json')
  for await (const finding of examine(settings, args.text('chat'), environment)) {
    findings.push(finding)
    if (!isJson) show(output, finding)
  }
  const ok = findings.every(({ status }) => status !== 'problem')
  if (isJson) output.line(jsonText({ ok, findings }))
  else
    output.line(
      `\n${count(findings, 'ok')}, ${count(findings, 'warning', 's')}, ${count(findings, 'problem', 's')}`,
    )
  return ok ? EXIT.ok : EXIT.failed
}

function show({ line, style }: Output, { check, status, message, remedy, ms }: Finding): void {
  const paint = { ok: style.good, warning: style.warn, problem: style.bad }[status]
  const time =
    ms === undefined ? '' : style.quiet(` (${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms)`)
  line(`${paint(status.padEnd(7))}  ${check.padEnd(11)}  ${oneLine(message)}${time}`)
  if (remedy !== undefined) line(`${' '.repeat(22)}-> ${oneLine(remedy)}`)
}

function count(findings: readonly Finding[], status: Status, plural = ''): string {
  const { length } = findings.filter((finding) => finding.status === status)
  return `${String(length)} ${status}${length === 1 ? '' : plural}`
}
