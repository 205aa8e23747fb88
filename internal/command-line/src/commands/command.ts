import type { OptionDefinitions } from '../options/option.js'
import type { Environment, FileSettings, Settings, SettingsInput } from '../options/settings.js'

/** Exit codes of every command of every program. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  security: 3,
  unreachable: 4,
  warning: 5,
  interrupted: 130,
} as const

/** Meanings of the exit codes that a command has, for its help text. */
export type ExitMeanings = Readonly<Partial<Record<keyof typeof EXIT, string>>>

/** Streams and environment of a process, or of a test. */
export interface CommandContext {
  readonly environment: Environment
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

/** Arguments of a command that are not options. */
export interface Operands {
  /** Form in the usage line, such as `[MESSAGE…]`. */
  readonly usage: string
  /** Remedy where one is missing, such as `give the URL of a gateway`. */
  readonly missing?: string
  /** Number required; 0 by default. */
  readonly min?: number
  /** Number allowed; 1 by default. */
  readonly max?: number
  /** Reads one of them. Throws `OptionProblem` for a wrong one. */
  readonly parse?: (text: string) => string
  /** Kind of word that shells complete: paths, or one of these. */
  readonly words?: 'paths' | readonly string[]
}

/** One call of a command. */
export interface Call<
  O extends OptionDefinitions = OptionDefinitions,
  F extends FileSettings = FileSettings,
> {
  readonly settings: Settings<O, F>
  readonly operands: readonly string[]
  readonly context: CommandContext
}

/** A command: what it is called with, and what it does. */
export interface CommandDefinition<
  O extends OptionDefinitions = OptionDefinitions,
  F extends FileSettings = FileSettings,
> {
  /** Description in lists of commands, one line without a period. */
  readonly summary: string
  readonly options?: O
  readonly operands?: Operands
  readonly subcommands?: Readonly<Record<string, Command>>
  /** Complete command lines, for the help text. */
  readonly examples?: readonly string[]
  /** Paragraphs at the end of the help text; one that begins with a blank is not wrapped. */
  readonly notes?: readonly string[]
  readonly exitMeanings?: ExitMeanings
  /** Reads the config file of the command. */
  readonly readFile?: (
    textOf: Parameters<NonNullable<SettingsInput<F>['readFile']>>[0],
    context: CommandContext,
  ) => F | undefined
  /** Runs the command and gives its exit code. */
  readonly run?: (call: Call<O, F>) => Promise<number> | number
  /** Runs another program with all arguments, `--help` included. */
  readonly runRaw?: (args: readonly string[], context: CommandContext) => Promise<number>
  /** Loads the rest of the definition once the command is called. */
  readonly load?: () => Promise<Command>
}

/** A command whose options are known at run time only. */
export type Command = CommandDefinition

/** Defines a command; the types of its settings follow from its options. */
export const command = <const O extends OptionDefinitions, F extends FileSettings = FileSettings>(
  definition: CommandDefinition<O, F>,
): Command => definition as unknown as Command
