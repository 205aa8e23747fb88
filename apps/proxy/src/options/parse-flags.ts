import { parseArgs } from 'node:util'
import { FLAGS, type Flag } from './flags.js'
import { UsageError } from './usage-error.js'

/** What stands on the command line: the values of each flag, in their order. */
export type FlagValues = Readonly<Record<string, readonly string[]>>

const flags: Readonly<Record<string, Flag>> = { ...FLAGS, help: { about: 'this text' } }

/**
 * Takes a command line apart. A flag without a value is `true`.
 *
 * @throws UsageError that names the flag somebody may have meant, and repeats no value
 */
export function parseFlags(args: readonly string[]): FlagValues {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  )
  const { tokens } = parseArgs({
    args: args.map((arg) => (arg === '-h' ? '--help' : arg)),
    options,
    strict: false,
    tokens: true,
  })
  const values: Record<string, string[]> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') {
      throw new UsageError('only options are taken, no other arguments.')
    }
    const { name, rawName, value, inlineValue } = token
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (flag === undefined || !rawName.startsWith('--')) {
      throw new UsageError(`unknown option ${rawName}.${suggestion(name)}`)
    }
    if (flag.value === undefined && value !== undefined) {
      throw new UsageError(`${rawName} takes no value.`)
    }
    // A flag where a value should be: the value was forgotten.
    const isFlag = inlineValue === false && value.startsWith('-')
    if (flag.value !== undefined && (value === undefined || value === '' || isFlag)) {
      throw new UsageError(
        `${rawName} needs a value; one that begins with a dash is given as ${rawName}=VALUE.`,
      )
    }
    ;(values[name] ??= []).push(value ?? 'true')
  }
  return values
}

/** The flag somebody may have meant: begun alike, or a slip of a letter or two away. */
function suggestion(unknown: string): string {
  const slips = Object.keys(flags)
    .map((name) => ({
      name,
      slips: name.startsWith(unknown) || unknown.startsWith(name) ? 1 : distance(name, unknown),
    }))
    .sort((a, b) => a.slips - b.slips)
  const [nearest] = slips
  return nearest !== undefined && nearest.slips <= 2 ? ` Did you mean --${nearest.name}?` : ''
}

/** Letters to add, drop or replace (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [at, letter] of [...a].entries()) {
    const next = [at + 1]
    for (let column = 1; column <= b.length; column++) {
      next[column] = Math.min(
        (next[column - 1] ?? 0) + 1,
        (row[column] ?? 0) + 1,
        (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1),
      )
    }
    row = next
  }
  return row[b.length] ?? 0
}
