import { Command as Parser, Option } from 'commander'
import { flagName, isBlank, type OptionDefinitions } from './option.js'
import { suggestion } from './suggestion.js'
import { UsageError } from './usage-error.js'

/** A command line taken apart. */
export interface ParsedArguments {
  /** Texts of each option that was given, in their order; of a switch, `true`. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly operands: readonly string[]
}

/**
 * Parses a command line. Values and unknown words never appear in errors: they may be secrets.
 *
 * @throws UsageError for an unknown option, a missing value, or a value of a switch
 */
export function parseArguments(
  args: readonly string[],
  options: OptionDefinitions,
): ParsedArguments {
  const parser = new Parser()
  const flags = new Map<string, string[]>()
  const mistakes: UsageError[] = []
  const flagged = Object.entries(options).filter(([, { flag }]) => flag !== false)
  for (const [name, { value }] of flagged) {
    const flag = flagName(name)
    // A value that is optional to the parser: a missing one is an error of ours, with the name as data.
    parser.addOption(new Option(`--${flag}${value === undefined ? '' : ' [value]'}`))
    parser.on(`option:${flag}`, (text: string | null | undefined) => {
      if (value !== undefined && isBlank(text ?? '')) {
        const problem = `needs a value; one that begins with a dash is given as --${flag}=VALUE`
        mistakes.push(new UsageError({ option: name, problem }))
      }
      flags.set(name, [...(flags.get(name) ?? []), text ?? 'true'])
    })
  }
  const { operands, unknown } = parser.parseOptions([...args])
  const [stray] = unknown
  if (stray !== undefined)
    mistakes.push(describeStray(stray, [...flagged.map(([name]) => name), 'help']))
  if (mistakes[0] !== undefined) throw mistakes[0]
  return { flags, operands }
}

/** Names a stray argument only where it has the form of an option: any other text may be a secret. */
function describeStray(stray: string, names: readonly string[]): UsageError {
  const [given = ''] = stray.split('=')
  const known = names.find((name) => given === `--${flagName(name)}`)
  if (known !== undefined) return new UsageError({ option: known, problem: 'takes no value' })
  if (!/^(?:-[a-z]|--[a-z][a-z-]*)$/i.test(given)) {
    return new UsageError('unknown option: put -- before text that begins with a dash')
  }
  const meant = suggestion(given.slice(2), names.map(flagName))
  return new UsageError({
    problem: `unknown option ${given}`,
    suggestion: meant === undefined ? undefined : `--${meant}`,
  })
}
