import { parseArgs } from 'node:util'
import { UsageError } from '../exit-codes.js'
import { didYouMean } from '../suggestion.js'

/** The flags a command takes: text or nothing behind them. */
type Flags = Readonly<Record<string, 'text' | 'flag'>>

/** What was given: one source, and flags. */
export interface Arguments {
  readonly source: string
  readonly text: (name: string) => string | undefined
  readonly flag: (name: string) => boolean
}

/**
 * Reads the arguments of a command with one source.
 *
 * @throws UsageError
 */
export function readArguments(args: readonly string[], flags: Flags): Arguments {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, kind]) => [
      name,
      { type: kind === 'text' ? ('string' as const) : ('boolean' as const) },
    ]),
  )
  const { values, positionals } = parse(args, options)
  const [source, extra] = positionals
  if (source === undefined) throw new UsageError('give a file, - or the URL of a gateway')
  if (extra !== undefined) throw new UsageError(`one source at a time; ${extra} is too many`)
  return {
    source,
    text: (name) => {
      const value = values[name]
      return typeof value === 'string' ? value : undefined
    },
    flag: (name) => values[name] === true,
  }
}

type Values = Readonly<Record<string, string | boolean | undefined>>

function parse(
  args: readonly string[],
  options: Record<string, { type: 'string' | 'boolean' }>,
): { values: Values; positionals: string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    return { values: values, positionals }
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('. ')[0] ?? '') : ''
    const known = Object.keys(options).map((name) => `--${name}`)
    const wrong = /^Unknown option '(--[a-z-]+)'/.exec(reason)?.[1]
    const meant = wrong === undefined ? '' : didYouMean(wrong, known)
    if (meant !== '') throw new UsageError(`${reason}${meant}`)
    throw new UsageError(`${reason.replace(/\.$/, '')}; the options are ${known.join(', ')}`)
  }
}
