import type { Command } from '../command.js'

/** What may stand behind one command. */
export interface CompletedCommand {
  /** Names from the outermost on, such as `keys generate`; empty for `nomyo` itself. */
  readonly path: string
  /** Subcommands, or the words an operand may be. */
  readonly words: readonly { readonly name: string; readonly about: string }[]
  readonly options: readonly CompletedOption[]
  /** Whether operands are paths. */
  readonly takesPaths: boolean
}

/** One option, with its dashes. */
export interface CompletedOption {
  readonly name: string
  readonly about: string
  /** What may stand behind it; nothing behind a flag. */
  readonly value: 'none' | 'any' | 'path' | readonly string[]
}

const HELP: CompletedOption = { name: '--help', about: 'how it is used', value: 'none' }
const VERSION: CompletedOption = {
  name: '--version',
  about: 'which version this is',
  value: 'none',
}

/** Every command with all that can be completed behind it, the outermost first. */
export function completedWords(commands: Readonly<Record<string, Command>>): CompletedCommand[] {
  const top = {
    path: '',
    words: namesOf(commands),
    options: [HELP, VERSION],
    takesPaths: false,
  }
  return [top, ...Object.entries(commands).flatMap(([name, command]) => collect(name, command))]
}

function collect(path: string, command: Command): CompletedCommand[] {
  const { subcommands = {}, options = {}, operandWords = [] } = command
  const words = operandWords === 'paths' ? [] : operandWords.map((name) => ({ name, about: '' }))
  const own: CompletedCommand = {
    path,
    words: [...namesOf(subcommands), ...words],
    takesPaths: operandWords === 'paths',
    options: [
      ...Object.entries(options).map(
        ([name, { about, value, choices, isPath = false }]): CompletedOption => ({
          name: `--${name}`,
          about,
          value: choices ?? (value === undefined ? 'none' : isPath ? 'path' : 'any'),
        }),
      ),
      HELP,
    ],
  }
  const inner = Object.entries(subcommands).flatMap(([name, one]) =>
    collect(`${path} ${name}`, one),
  )
  return [own, ...inner]
}

const namesOf = (commands: Readonly<Record<string, Command>>): CompletedCommand['words'] =>
  Object.entries(commands).map(([name, { about }]) => ({ name, about }))
