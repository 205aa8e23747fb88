import type { CompletedCommand, CompletedOption } from './words.js'

/** A script for fish 3 and later. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  return ['# fish completion of nomyo', 'complete -c nomyo -f', ...commands.flatMap(lines)].join(
    '\n',
  )
}

function lines({ path, words, options, takesPaths }: CompletedCommand): string[] {
  const names = path === '' ? [] : path.split(' ')
  const inside = names.map((name) => `__fish_seen_subcommand_from ${name}`)
  const notYet =
    words.length === 0
      ? []
      : [`not __fish_seen_subcommand_from ${words.map(({ name }) => name).join(' ')}`]
  const begin = (conditions: readonly string[]): string =>
    `complete -c nomyo -n ${quoted(conditions.length === 0 ? 'true' : conditions.join('; and '))}`
  return [
    ...words.map(
      ({ name, about }) => `${begin([...inside, ...notYet])} -a ${name} -d ${quoted(about)}`,
    ),
    ...options.map((option) => `${begin(path === '' ? notYet : inside)} ${describe(option)}`),
    ...(takesPaths ? [`${begin(inside)} -F`] : []),
  ]
}

function describe({ name, about, value }: CompletedOption): string {
  const behind =
    value === 'none'
      ? ''
      : value === 'path'
        ? ' -r -F'
        : value === 'any'
          ? ' -x'
          : ` -x -a ${quoted(value.join(' '))}`
  return `-l ${name.replace(/^--/, '')}${behind} -d ${quoted(about)}`
}

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`
