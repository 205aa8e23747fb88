import { parseArgs } from 'node:util'
import type { Command, OptionSpecs } from './command.js'
import { UsageError } from './exit-codes.js'
import { didYouMean } from './suggestion.js'

/** What was given to a command, checked against what it takes. */
export interface CommandArguments {
  readonly operands: readonly string[]
  readonly text: (name: string) => string | undefined
  readonly texts: (name: string) => readonly string[] | undefined
  readonly flag: (name: string) => boolean
}

/**
 * Reads the arguments of a command.
 *
 * @throws UsageError for options it does not have, values it does not know, too many operands
 */
export function readCommandArguments(
  args: readonly string[],
  { options = {}, maxOperands = 0 }: Command,
): CommandArguments {
  const { values, positionals } = parse(args, options)
  const extra = positionals[maxOperands]
  if (extra !== undefined) throw new UsageError(`${extra} is one argument too many`)
  for (const [name, { choices }] of Object.entries(options)) {
    const value = values[name]
    if (choices === undefined || typeof value !== 'string' || choices.includes(value)) continue
    throw new UsageError(
      `--${name} must be one of ${choices.join(', ')}${didYouMean(value, choices)}`,
    )
  }
  return {
    operands: positionals,
    text: (name) => {
      const value = values[name]
      return typeof value === 'string' ? value : undefined
    },
    texts: (name) => {
      const value = values[name]
      return Array.isArray(value) ? value : undefined
    },
    flag: (name) => values[name] === true,
  }
}

/**
 * A number given behind an option.
 *
 * @throws UsageError
 */
export function readNumber(
  args: CommandArguments,
  name: string,
  { min, max, whole = false }: { min: number; max: number; whole?: boolean },
): number | undefined {
  const text = args.text(name)
  if (text === undefined) return undefined
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  throw new UsageError(
    `--${name} must be a ${whole ? 'whole ' : ''}number from ${String(min)} to ${String(max)}`,
  )
}

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
type StringValues = Readonly<Record<string, string | boolean | string[] | undefined>>

function parse(
  args: readonly string[],
  specs: OptionSpecs,
): { values: StringValues; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, repeatable = false }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: repeatable,
      },
    ]),
  )
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    return { values: onlyStrings(values), positionals }
  } catch (error) {
    throw new UsageError(explain(error, Object.keys(specs)))
  }
}

/** Lists are of options with values: there are no flags in them. */
function onlyStrings(values: Values): StringValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(String) : value,
    ]),
  )
}

/** Names an option only if it looks like one: what else begins with a dash may be part of a prompt. */
function explain(error: unknown, known: readonly string[]): string {
  const message = error instanceof Error ? error.message : ''
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const name = /'(?:-\w, )?--?([a-z][a-z-]*)[ '=]/.exec(message)?.[1]
  if (name === undefined)
    return 'there is an argument with a dash that is no option; put -- before text'
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    return `there is no option --${name}${didYouMean(name, known, '--')}`
  }
  return known.includes(name) && message.includes('does not take')
    ? `--${name} takes no value`
    : `--${name} needs a value behind it`
}
