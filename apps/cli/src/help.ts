import type { Command, OptionSpecs } from './command.js'
import { EXIT, EXIT_MEANINGS } from './exit-codes.js'

/** The help text of the whole. */
export function generalHelp(commands: Readonly<Record<string, Command>>): string {
  return text([
    'nomyo: end-to-end encrypted chat completions.',
    '',
    'Usage: nomyo COMMAND [OPTIONS]',
    '',
    'Commands',
    ...rows(commands, 11),
    '',
    '  nomyo COMMAND --help says more; --json is for programs; --version',
    '',
    'Settings: options win over the environment (NOMYO_BASE_URL, NOMYO_API_KEY), that over the config file',
    '(~/.config/nomyo/config.json; NOMYO_CLI_CONFIG or --config FILE names another).',
    '',
    'Exit codes',
    ...Object.entries(EXIT_MEANINGS).map(
      ([name, meaning]) => `  ${String(EXIT[name as keyof typeof EXIT]).padEnd(4)} ${meaning}`,
    ),
    '  nomyo attest has codes of its own (nomyo attest --help); gateway and proxy have theirs.',
  ])
}

/** The help text of one command. */
export function commandHelp(name: string, command: Command): string {
  const { about, subcommands, operands, options = {}, notes = [] } = command
  const usage =
    subcommands === undefined
      ? [name, ...(operands === undefined ? [] : [operands]), '[OPTIONS]']
      : [name, Object.keys(subcommands).join('|')]
  return text([
    `nomyo ${name}: ${about}.`,
    '',
    `Usage: nomyo ${usage.join(' ')}`,
    ...(subcommands === undefined ? [] : ['', ...rows(subcommands, 12)]),
    ...(Object.keys(options).length === 0 ? [] : ['', 'Options', ...optionRows(options)]),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ])
}

const rows = (commands: Readonly<Record<string, Command>>, width: number): string[] =>
  Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(width)} ${about}`)

function optionRows(options: OptionSpecs): string[] {
  return Object.entries(options).map(([name, { value = '', about }]) =>
    `  ${`--${name} ${value}`.padEnd(25)} ${about}`.trimEnd(),
  )
}

const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`
