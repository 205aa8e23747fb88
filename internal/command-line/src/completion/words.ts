import { loaded } from '../commands/run-program.js'
import type { Command } from '../commands/command.js'
import { describeOption } from '../help/help.js'
import { flagName, type OptionDefinition } from '../options/option.js'

/** Words that complete one command. */
export interface CompletedCommand {
  /** Names from the outermost on, such as `keys generate`; empty for the program itself. */
  readonly path: string
  /** Subcommands, or the words an operand can be. */
  readonly words: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly CompletedOption[]
  /** Operands are paths. */
  readonly takesPaths: boolean
}

/** One option, with its dashes. */
export interface CompletedOption {
  readonly name: string
  readonly summary: string
  /** Kind of its value; `none` for a switch. */
  readonly value: 'none' | 'any' | 'path' | readonly string[]
}

const HELP: CompletedOption = { name: '--help', summary: 'print its usage', value: 'none' }
const VERSION: CompletedOption = { name: '--version', summary: 'print the version', value: 'none' }

/** Lists all that can be completed, for every command, the outermost first. */
export async function completedWords(
  root: Command,
  path: readonly string[] = [],
): Promise<CompletedCommand[]> {
  const { subcommands = {}, options = {}, operands } = await loaded(root)
  const { words = [] } = operands ?? {}
  const inner = await Promise.all(
    Object.entries(subcommands).map(([name, one]) => completedWords(one, [...path, name])),
  )
  const own: CompletedCommand = {
    path: path.join(' '),
    words: [
      ...Object.entries(subcommands).map(([name, { summary }]) => ({ name, summary })),
      ...(words === 'paths' ? [] : words.map((name) => ({ name, summary: '' }))),
    ],
    takesPaths: words === 'paths',
    options: [
      ...Object.entries(options)
        .filter(([, { flag }]) => flag !== false)
        .map(([name, option]) => completedOption(name, option)),
      HELP,
      ...(path.length === 0 ? [VERSION] : []),
    ],
  }
  return [own, ...inner.flat()]
}

/** Name of the shell function that completes a program. */
export const functionName = (program: string): string => `_${program.replaceAll('-', '_')}`

const completedOption = (name: string, option: OptionDefinition): CompletedOption => ({
  name: `--${flagName(name)}`,
  summary: describeOption(option),
  value:
    option.choices ??
    (option.value === undefined ? 'none' : option.isPath === true ? 'path' : 'any'),
})
