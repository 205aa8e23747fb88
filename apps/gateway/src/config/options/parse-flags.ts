import { parseArgs } from 'node:util'
import { FLAGS } from './flags.js'
import { UsageError } from './usage-error.js'

/** What stands on the command line, as `parseArgs` gives it: every flag may come several times. */
export type FlagValues = Record<string, string | boolean | (string | boolean)[] | undefined>

/**
 * Takes a command line apart.
 *
 * @throws UsageError that names the flag somebody may have meant, and repeats no value
 */
export function parseFlags(args: readonly string[]): FlagValues {
  const options = Object.fromEntries(
    Object.entries(FLAGS).map(([name, flag]) => [
      name,
      { type: 'value' in flag ? ('string' as const) : ('boolean' as const), multiple: true },
    ]),
  )
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: false,
    }).values
  } catch (error) {
    // Only the name of a flag is repeated, never a value, which may be a key.
    const unknown = args
      .find((arg, at) => arg.startsWith('-') && !isFlag(arg) && !takesValue(args[at - 1]))
      ?.split('=')[0]
    if (unknown !== undefined)
      throw new UsageError(`unknown option ${unknown}.${suggestion(unknown)}`)
    const lacking = error instanceof Error ? /'--([a-z-]+)/.exec(error.message)?.[1] : undefined
    if (lacking !== undefined && !takesValue(`--${lacking}`)) {
      throw new UsageError(`--${lacking} takes no value.`)
    }
    throw new UsageError(
      lacking === undefined
        ? 'only options are taken, no other arguments.'
        : `--${lacking} needs a value; one that begins with a dash is given as --${lacking}=VALUE.`,
    )
  }
}

function isFlag(arg: string): boolean {
  const name = arg.replace(/^--/, '').split('=')[0] ?? ''
  return arg === '-h' || name === 'help' || Object.hasOwn(FLAGS, name)
}

const takesValue = (arg = ''): boolean =>
  Object.entries(FLAGS).some(([name, flag]) => arg === `--${name}` && 'value' in flag)

/** The flag somebody may have meant: one that starts alike or differs in the order or loss of a letter. */
function suggestion(unknown: string): string {
  const letters = (name: string): string => [...name.replace(/-/g, '')].sort().join('')
  const wanted = unknown.replace(/^-+/, '')
  const likeness = (name: string): number =>
    letters(name) === letters(wanted) ? Infinity : commonPrefix(name, wanted)
  const [meant] = Object.keys(FLAGS)
    .filter(
      (name) =>
        letters(name) === letters(wanted) ||
        name.startsWith(wanted) ||
        wanted.startsWith(name) ||
        commonPrefix(name, wanted) >= 3,
    )
    .sort((a, b) => likeness(b) - likeness(a))
  return meant === undefined ? '' : ` Did you mean --${meant}?`
}

function commonPrefix(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}
