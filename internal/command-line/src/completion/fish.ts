import type { CompletedCommand, CompletedOption } from './words.js'

/** Renders a script for fish 3 and later. */
export function fishCompletion(program: string, commands: readonly CompletedCommand[]): string {
  const complete = `complete -c ${program}`
  return [
    `# fish completion of ${program}`,
    `${complete} -f`,
    ...commands.flatMap(lines).map((line) => `${complete} ${line}`),
  ].join('\n')
}

function lines({ path, words, options, takesPaths }: CompletedCommand): string[] {
  const names = path === '' ? [] : path.split(' ')
  const inside = names.map((name) => `__fish_seen_subcommand_from ${name}`)
  const notYet =
    words.length === 0
      ? []
      : [`not __fish_seen_subcommand_from ${words.map(({ name }) => name).join(' ')}`]
  const begin = (conditions: readonly string[]): string =>
    `-n ${quoted(conditions.length === 0 ? 'true' : conditions.join('; and '))}`
  return [
    ...words.map(
      ({ name, summary }) => `${begin([...inside, ...notYet])} -a ${name} -d ${quoted(summary)}`,
    ),
    ...options.map((option) => `${begin(path === '' ? notYet : inside)} ${describe(option)}`),
    ...(takesPaths ? [`${begin(inside)} -F`] : []),
  ]
}

const VALUES = { none: '', any: ' -x', path: ' -r -F' }

function describe({ name, summary, value }: CompletedOption): string {
  const behind = typeof value === 'string' ? VALUES[value] : ` -x -a ${quoted(value.join(' '))}`
  return `-l ${name.replace(/^--/, '')}${behind} -d ${quoted(summary)}`
}

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`
