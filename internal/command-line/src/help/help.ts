import { Help } from 'commander'
import { EXIT, type Command, type ExitMeanings } from '../commands/command.js'
import { flagName, type OptionDefinition, type OptionDefinitions } from '../options/option.js'

/** Width that every terminal has. */
const WIDTH = 80
/** Longest term beside its description; a longer one has a line of its own. */
const MAX_TERM = 24

/** Renders the help text of a command, at most 80 columns wide and without a line break at its end. */
export function printHelp(name: string, path: readonly string[], command: Command): string {
  const title = [name, ...path].join(' ')
  const { subcommands = {}, options = {}, examples = [], notes = [], exitMeanings = {} } = command
  const hasOptions = [command.run, command.runRaw, command.load].some((it) => it !== undefined)
  const isRoot = path.length === 0
  const usage = [
    ...(hasOptions
      ? [[title, command.operands?.usage, '[OPTIONS]'].filter(Boolean).join(' ')]
      : []),
    ...(Object.keys(subcommands).length > 0 ? [`${title} COMMAND [OPTIONS]`] : []),
  ]
  const sections = [
    wrap(`${title}: ${command.summary}.`),
    ['Usage', ...usage.map((line) => `  ${line}`)].join('\n'),
    list('Examples', examples.flatMap(wrapCommand)),
    list(
      'Commands',
      rows(Object.entries(subcommands).map(([word, { summary }]) => [word, summary])),
    ),
    ...optionSections(options, isRoot),
    ...notes.map((note) => (note.startsWith(' ') ? note : wrap(note))),
    list('Exit codes', rows(exitCodes(exitMeanings))),
  ]
  return sections.filter((section) => section !== '').join('\n\n')
}

/** Describes an option without its default, for help texts and reference tables. */
export function describeOption({ summary, choices = [], repeatable }: OptionDefinition): string {
  const isListed = choices.every((choice) => summary.includes(choice))
  const values = isListed ? '' : `: ${choices.join(', ')}`
  return `${summary}${values}${repeatable === true ? '; repeatable' : ''}`
}

/** Term that an option is known by: `--port PORT`, or the variable of a setting without a flag. */
export function termOf(name: string, { flag, value = '', variable }: OptionDefinition): string {
  if (flag === false) return typeof variable === 'string' ? variable : ''
  return `--${flagName(name)} ${value}`.trimEnd()
}

/**
 * Groups options by their headings, in the order of their definitions. Settings that only a config file
 * has are left out.
 */
export function groupOptions(
  options: OptionDefinitions,
): ReadonlyMap<string, readonly (readonly [string, OptionDefinition])[]> {
  const groups = new Map<string, (readonly [string, OptionDefinition])[]>()
  for (const entry of Object.entries(options)) {
    if (termOf(...entry) === '') continue
    const { flag, group = flag === false ? 'Environment' : 'Options' } = entry[1]
    groups.set(group, [...(groups.get(group) ?? []), entry])
  }
  return groups
}

function optionSections(options: OptionDefinitions, isRoot: boolean): string[] {
  const sections = [...groupOptions(options)].map(([group, members]) =>
    list(
      group,
      rows(
        members.map(([name, option]) => [
          termOf(name, option),
          describeOption(option) + describeDefault(option),
        ]),
      ),
    ),
  )
  const general = rows([
    ...(isRoot ? [['--version', 'print the version'] as const] : []),
    ['--help', 'print this text'],
  ])
  return [...sections, general.join('\n')]
}

function describeDefault({ default: text, defaultSummary = text }: OptionDefinition): string {
  return defaultSummary === undefined ? '' : ` (default ${defaultSummary})`
}

const exitCodes = (meanings: ExitMeanings): [string, string][] =>
  Object.entries(meanings).map(([name, meaning]) => [
    String(EXIT[name as keyof typeof EXIT]),
    meaning,
  ])

const list = (heading: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : [heading, ...lines].join('\n')

/** Two columns, the second wrapped. */
function rows(pairs: readonly (readonly [string, string])[]): string[] {
  const lengths = pairs.map(([term]) => term.length).filter((length) => length <= MAX_TERM)
  const indent = 2 + Math.max(0, ...lengths) + 2
  return pairs.flatMap(([term, text]) => {
    const lines = wrap(text, WIDTH - indent).split('\n')
    const first = term.length > MAX_TERM ? undefined : lines.shift()
    return [
      `  ${term}${first === undefined ? '' : ' '.repeat(indent - 2 - term.length) + first}`,
      ...lines.map((line) => ' '.repeat(indent) + line),
    ].map((line) => line.trimEnd())
  })
}

/** Wraps a command so that a shell reads it as one line. */
function wrapCommand(command: string): string[] {
  const lines = wrap(command, WIDTH - '    '.length - ' \\'.length).split('\n')
  return lines.map((line, at) => {
    const end = at < lines.length - 1 ? ' \\' : ''
    return `${at === 0 ? '  ' : '    '}${line.trim()}${end}`
  })
}

const wrap = (text: string, width = WIDTH): string => new Help().boxWrap(text, width)
