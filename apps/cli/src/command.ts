import type { CommandArguments } from './arguments.js'
import type { Output } from './output.js'

/** One option, for reading it, for the help text and for completion. */
export interface OptionSpec {
  readonly about: string
  /** What stands behind it, as the help text writes it; a flag without. */
  readonly value?: string
  /** The values there are. */
  readonly choices?: readonly string[]
  /** Its value is a path, which shells can complete. */
  readonly isPath?: true
  /** May be given several times. */
  readonly repeatable?: true
}

/** Options by name, without the dashes. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>

/** One command: what it does, what it takes, and the doing of it. */
export interface Command {
  /** One line for the list of commands. */
  readonly about: string
  readonly subcommands?: Readonly<Record<string, Command>>
  /** What comes behind the name, such as `[MESSAGE…]`. */
  readonly operands?: string
  /** How many operands there may be; none if left out. */
  readonly maxOperands?: number
  /** The operands are paths, or one of these words: for completion. */
  readonly operandWords?: 'paths' | readonly string[]
  readonly options?: OptionSpecs
  /** More for its help text. */
  readonly notes?: readonly string[]
  /** Absent where a subcommand has to be named. Gives the exit code. */
  readonly run?: (context: CommandContext, args: CommandArguments) => Promise<number>
  /** Reads its arguments and writes its help itself. */
  readonly runRaw?: (context: CommandContext, args: readonly string[]) => Promise<number>
}

/** What commands get from outside. */
export interface CommandContext {
  readonly output: Output
  readonly environment: NodeJS.ProcessEnv
}
