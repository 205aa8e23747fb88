/** Definition of one option: its flag, variable, config-file member, help and value. */
export interface OptionDefinition<T = unknown> {
  /** Description in help texts and reference tables, one sentence without a period. */
  readonly summary: string
  /** Placeholder of the value, such as `PORT`. An option without one is a switch. */
  readonly value?: string
  /** Value in effect where none is given, as text that {@link OptionDefinition.parse} reads. */
  readonly default?: string
  /** Description of what applies where no value is given, such as `twice the rate`. */
  readonly defaultSummary?: string
  /** Reads one value. Throws {@link OptionProblem} for a wrong one. */
  readonly parse?: (text: string) => T
  /** Values allowed. */
  readonly choices?: readonly string[]
  /** The flag can be given several times; variables hold several values, separated by commas. */
  readonly repeatable?: true
  /** The value is a secret, and is masked wherever settings are printed. */
  readonly secret?: true
  /** `false` for a setting without a flag, such as a secret that no process list must show. */
  readonly flag?: false
  /** Environment variable. By default it follows from the prefix; `false` for none. */
  readonly variable?: string | false
  /** An empty variable counts as unset: a specification that others share says so. */
  readonly emptyIsUnset?: true
  /** Member of the config file. By default it is the name of the option; `false` for none. */
  readonly member?: string | false
  /** The value is a path, which shells complete. */
  readonly isPath?: true
  /** Heading under which help texts and reference tables list the option. */
  readonly group?: string
}

/** Options by name in camel case: `maxBody` for `--max-body`. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>

type SingleValue<D> = D extends { readonly parse: (text: string) => infer T }
  ? T
  : D extends { readonly choices: readonly (infer C)[] }
    ? C
    : string

/** Type of the value that a definition describes. */
export type OptionValue<D> = D extends { readonly value: string }
  ? D extends { readonly repeatable: true }
    ? readonly SingleValue<D>[]
    : D extends { readonly default: string }
      ? SingleValue<D>
      : SingleValue<D> | undefined
  : boolean

/** Values of options by name. */
export type OptionValues<O> = { readonly [Name in keyof O]: OptionValue<O[Name]> }

/** Members that all options of a definition share. */
export interface SharedMembers {
  /** Beginning of the variables: `NOMYO_` has `NOMYO_MAX_BODY` stand for `--max-body`. */
  readonly prefix?: string
  /** A config file has a member for each option. */
  readonly file?: boolean
  /** Heading of those that name none. */
  readonly group?: string
}

/**
 * Defines options once: for the command line, the environment, the config file, help and completion.
 *
 * @example
 * ```ts
 * const OPTIONS = defineOptions(
 *   {
 *     port: { value: 'PORT', summary: 'port to listen on', default: '12435', parse: portNumber },
 *     keyDir: { value: 'DIR', summary: 'folder of the server keys', isPath: true },
 *     web: { summary: 'serve a chat page' },
 *   },
 *   { prefix: 'NOMYO_', file: true },
 * )
 * ```
 */
export function defineOptions<const O extends OptionDefinitions>(
  definitions: O,
  { prefix, file = false, group }: SharedMembers = {},
): O {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [
      name,
      {
        ...(group === undefined ? {} : { group }),
        ...definition,
        variable: definition.variable ?? (prefix !== undefined && variableName(prefix, name)),
        member: definition.member ?? (file && name),
      },
    ]),
  ) as O
}

/**
 * Checks for a value that is none. Every source refuses it for every option: a value that was lost, such
 * as an unset variable of a script, must not silently become a default that protects less.
 */
export const isBlank = (text: string): boolean => text.trim() === ''

/** `max-body` for `maxBody`. */
export const flagName = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const variableName = (prefix: string, name: string): string =>
  prefix + flagName(name).toUpperCase().replaceAll('-', '_')
