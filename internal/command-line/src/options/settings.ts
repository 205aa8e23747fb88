import {
  isBlank,
  type OptionDefinition,
  type OptionDefinitions,
  type OptionValues,
} from './option.js'
import { parseArguments } from './parse-arguments.js'
import { suggestion } from './suggestion.js'
import { OptionProblem, UsageError, type SettingSource } from './usage-error.js'

/** The environment, as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Settings of a config file, as it holds them. */
export interface FileSettings {
  /** Path of the file, for messages. */
  readonly path: string
  readonly members: Readonly<Record<string, FileMember>>
  /** Members that the file may have beside those of the options, as other commands read them. */
  readonly known?: readonly string[]
}

/** One member of a config file. */
export interface FileMember {
  /** A boolean for a switch, else text or a number; a list where the option is repeatable. */
  readonly value: unknown
  readonly line?: number | undefined
  /** Lines of the items of a list. */
  readonly lines?: readonly number[] | undefined
}

/** Input of {@link readSettings}. */
export interface SettingsInput<F extends FileSettings> {
  readonly args: readonly string[]
  readonly environment?: Environment
  /**
   * Reads the config file, if one is named.
   *
   * @param textOf - gives the text of an option by flag or variable, such as the path of the file
   */
  readonly readFile?: ((textOf: (name: string) => string | undefined) => F | undefined) | undefined
}

/** Settings in effect: flags win over variables, variables over the file, the file over defaults. */
export interface Settings<O extends OptionDefinitions, F extends FileSettings = FileSettings> {
  readonly values: OptionValues<O>
  readonly operands: readonly string[]
  readonly file: F | undefined
  /** Tells whether any source but the default sets an option. */
  given(name: keyof O & string): boolean
  /** Gives the place where an option was set; undefined where it has no value. */
  source(name: keyof O & string): SettingSource | undefined
  /** Makes an error that names the option where it was set. */
  mistake(name: keyof O & string, problem: string): UsageError
  /** Variables that are ignored because Kubernetes set them for a service; see {@link describeServiceLink}. */
  readonly serviceLinks: readonly string[]
  /**
   * Reads the settings again, from the same command line and environment and from the config file as it
   * is now.
   *
   * @throws UsageError
   */
  reread(): Settings<O, F>
  /** Lists what is in effect by member of the config file, with secrets masked. */
  inEffect(): Readonly<Record<string, string | number | boolean | readonly string[]>>
}

/** Mask of secrets. It holds a blank, for which it is refused as a secret itself. */
export const SECRET_MASK = '(not shown)'

interface Found {
  readonly texts: readonly string[]
  readonly source: SettingSource
  /** Sources of single texts, where they differ. */
  readonly sources?: readonly SettingSource[]
}

/**
 * Reads settings from a command line, the environment and a config file.
 *
 * @throws UsageError that names the option where it was set, and never a value
 * @example
 * ```ts
 * const settings = readSettings(OPTIONS, { args: ['--port', '0'], environment: {} })
 * const { port, keyDir } = settings.values
 * if (settings.given('keyDir') && port === 0) throw settings.mistake('keyDir', 'needs a --port')
 * ```
 */
export function readSettings<O extends OptionDefinitions, F extends FileSettings = FileSettings>(
  options: O,
  input: SettingsInput<F>,
): Settings<O, F> {
  const { args, environment = {}, readFile } = input
  const { flags, operands } = parseArguments(args, options)
  const named = new Map<string, Found>()
  for (const [name, definition] of Object.entries(options)) {
    const texts = flags.get(name)
    const found =
      texts === undefined ? inEnvironment(definition, environment) : fromFlag(definition, texts)
    if (found !== undefined) named.set(name, found)
  }
  const file = readFile?.((name) => named.get(name)?.texts.at(-1))
  if (file !== undefined) refuseUnknownMembers(options, file)
  const found = new Map<string, Found>()
  const values: Record<string, unknown> = {}
  for (const [name, definition] of Object.entries(options)) {
    const one = named.get(name) ?? inFile(name, definition, file) ?? byDefault(definition)
    if (one !== undefined) found.set(name, one)
    values[name] = valueOf(name, definition, one)
  }
  return {
    values: values as OptionValues<O>,
    operands,
    file,
    given: (name) => (found.get(name)?.source.kind ?? 'default') !== 'default',
    source: (name) => found.get(name)?.source,
    serviceLinks: Object.values(options).flatMap(({ variable }) =>
      typeof variable === 'string' && isServiceLink(variable, environment[variable] ?? '')
        ? [variable]
        : [],
    ),
    mistake: (option, problem) =>
      new UsageError({
        option,
        problem,
        source: found.get(option)?.source ?? placeOf(options[option]),
      }),
    reread: () => readSettings(options, input),
    inEffect: () =>
      Object.fromEntries(
        Object.entries(options).flatMap(([name, definition]) => {
          const texts = found.get(name)?.texts ?? []
          if (typeof definition.member !== 'string' || texts.length === 0) return []
          return [[definition.member, printedValue(definition, texts)]]
        }),
      ),
  }
}

function fromFlag({ repeatable }: OptionDefinition, texts: readonly string[]): Found {
  const source = { kind: 'flag' } as const
  if (repeatable !== true) return { texts, source }
  return {
    texts,
    source,
    sources: texts.map((_, at) => ({ ...source, position: positionOf(at, texts) })),
  }
}

function inEnvironment(
  { variable, repeatable, emptyIsUnset }: OptionDefinition,
  environment: Environment,
): Found | undefined {
  if (typeof variable !== 'string') return undefined
  const text = environment[variable]
  if (text === undefined || isServiceLink(variable, text)) return undefined
  const source = { kind: 'variable', variable } as const
  // A variable that lost its value must not take a protection away.
  if (isBlank(text)) {
    if (emptyIsUnset === true) return undefined
    throw new UsageError({ source, problem: 'is set, but empty: give it a value, or unset it' })
  }
  const texts = repeatable === true ? text.split(',') : [text]
  if (texts.some(isBlank)) {
    throw new UsageError({ source, problem: 'has an empty value between its commas: omit it' })
  }
  return {
    texts,
    source,
    sources: texts.map((_, at) => ({ ...source, position: positionOf(at, texts) })),
  }
}

/**
 * Checks for a variable that Kubernetes sets in every container for a service of the same namespace: a
 * service named `nomyo` causes `NOMYO_PORT=tcp://10.0.0.1:12435`.
 */
const isServiceLink = (variable: string, text: string): boolean =>
  variable.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\/[^/\s]+:\d+$/i.test(text)

/** Describes a variable of {@link Settings.serviceLinks} for a notice. */
export const describeServiceLink = (variable: string): string =>
  `${variable} is ignored: its value is that of Kubernetes for a service of the same name; ` +
  'enableServiceLinks: false in the pod prevents it'

/** Number of a value among several, for messages; undefined for a single one. */
const positionOf = (at: number, texts: readonly string[]): number | undefined =>
  texts.length > 1 ? at + 1 : undefined

function inFile(
  option: string,
  definition: OptionDefinition,
  file: FileSettings | undefined,
): Found | undefined {
  const { member, repeatable } = definition
  if (file === undefined || typeof member !== 'string') return undefined
  const one = Object.hasOwn(file.members, member) ? file.members[member] : undefined
  if (one === undefined) return undefined
  const source = { kind: 'file', file: file.path, line: one.line, member } as const
  const textAt = (value: unknown, place: SettingSource): string => {
    const text = textOfMember(definition, value)
    if (text !== undefined && !isBlank(text)) return text
    if (text !== undefined) {
      throw new UsageError({
        option,
        source: place,
        problem: 'is empty: give it a value, or omit it',
      })
    }
    const kind =
      definition.value === undefined
        ? 'true or false'
        : `text or a ${repeatable === true && place === source ? 'list of texts' : 'number'}`
    throw new UsageError({ option, source: place, problem: `must be ${kind}` })
  }
  const list: readonly unknown[] | undefined =
    repeatable === true && Array.isArray(one.value) ? one.value : undefined
  if (list === undefined) {
    const text = textAt(one.value, source)
    if (repeatable !== true || !text.includes(',')) return { texts: [text], source }
    // Only variables separate values by commas.
    throw new UsageError({ option, source, problem: 'must have no comma: give a list' })
  }
  if (list.length === 0) {
    throw new UsageError({ option, source, problem: 'must be a list that is not empty' })
  }
  const sources = list.map((_, at) => ({
    ...source,
    line: one.lines?.[at] ?? one.line,
    member: `${member}[${at}]`,
  }))
  return { texts: list.map((value, at) => textAt(value, sources[at] ?? source)), source, sources }
}

/** Converts one value of a config file to the text of its flag; undefined for another type. */
function textOfMember({ value }: OptionDefinition, given: unknown): string | undefined {
  if (value === undefined) return typeof given === 'boolean' ? String(given) : undefined
  return typeof given === 'string' || typeof given === 'number' ? String(given) : undefined
}

function refuseUnknownMembers(options: OptionDefinitions, file: FileSettings): void {
  const known = [
    ...(file.known ?? []),
    ...Object.values(options).flatMap(({ member }) => (typeof member === 'string' ? [member] : [])),
  ]
  for (const [member, { line }] of Object.entries(file.members)) {
    if (known.includes(member)) continue
    throw new UsageError({
      source: { kind: 'file', file: file.path, line, member },
      problem: 'is not a known member',
      suggestion: suggestion(member, [...new Set(known)]),
    })
  }
}

/** Place of a setting without a flag, for messages about a missing value. */
const placeOf = (definition: OptionDefinition | undefined): SettingSource | undefined =>
  definition?.flag === false && typeof definition.variable === 'string'
    ? { kind: 'variable', variable: definition.variable }
    : undefined

const byDefault = ({ default: text }: OptionDefinition): Found | undefined =>
  text === undefined ? undefined : { texts: [text], source: { kind: 'default' } }

function valueOf(option: string, definition: OptionDefinition, found: Found | undefined): unknown {
  const parsed = (found?.texts ?? []).map((text, at) => {
    try {
      return parseText(definition, text)
    } catch (error) {
      if (!(error instanceof OptionProblem)) throw error
      const source = found?.sources?.[at] ?? found?.source
      throw new UsageError({ ...error.facts, option, source })
    }
  })
  if (definition.repeatable === true) return parsed
  return definition.value === undefined ? (parsed.at(-1) ?? false) : parsed.at(-1)
}

function parseText({ value, choices, parse }: OptionDefinition, text: string): unknown {
  if (value === undefined) return parseSwitch(text)
  if (choices !== undefined && !choices.includes(text)) {
    throw new OptionProblem(`must be one of ${choices.join(', ')}`, suggestion(text, choices))
  }
  return parse === undefined ? text : parse(text)
}

function parseSwitch(text: string): boolean {
  if (/^(?:0|false)$/i.test(text)) return false
  if (/^(?:1|true)$/i.test(text)) return true
  throw new OptionProblem('must be 1, true, 0 or false')
}

function printedValue(
  { value, repeatable, secret }: OptionDefinition,
  texts: readonly string[],
): string | number | boolean | readonly string[] {
  // URLs can hold passwords.
  const shown = texts.map((text) =>
    secret === true ? SECRET_MASK : text.replace(/\/\/[^/@]*@/, '//'),
  )
  const last = shown.at(-1) ?? ''
  if (repeatable === true) return shown
  if (value === undefined) return parseSwitch(last)
  return /^\d{1,9}$/.test(last) ? Number(last) : last
}
