import { printable } from '@nomyo-internal/diagnostics'
import { printHelp } from '../help/help.js'
import { readSettings } from '../options/settings.js'
import { suggestion } from '../options/suggestion.js'
import { OptionProblem, UsageError } from '../options/usage-error.js'
import { EXIT, type Command, type CommandContext, type Operands } from './command.js'

/** A program: its name and its outermost command. */
export interface Program {
  readonly name: string
  readonly version: string
  readonly command: Command
  /** Describes errors other than {@link UsageError}; without it they are thrown. */
  readonly describeError?: (error: unknown) => ErrorDescription | Promise<ErrorDescription>
}

/** Text for standard error, without the name of the program, and exit code. */
export interface ErrorDescription {
  readonly text: string
  readonly exitCode: number
}

/**
 * Runs the command that a command line names.
 *
 * @returns the exit code
 * @example
 * ```ts
 * const program: Program = { name: 'tool', version: '1.0.0', command: command({ summary: 'does it' }) }
 * process.exitCode = await runProgram(program, process.argv.slice(2), contextOf(process))
 * ```
 */
export async function runProgram(
  program: Program,
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  const path: string[] = []
  try {
    return await dispatch(program, path, args, context)
  } catch (error) {
    const { text, exitCode } = await describe(error, program, path)
    context.stderr.write(printable(`${program.name}: ${text}\n`))
    return exitCode
  }
}

/** The environment and the streams of a process. */
export const contextOf = ({ env, stdin, stdout, stderr }: NodeJS.Process): CommandContext => ({
  environment: env,
  stdin,
  stdout,
  stderr,
})

async function describe(
  error: unknown,
  program: Program,
  path: readonly string[],
): Promise<ErrorDescription> {
  if (error instanceof UsageError) {
    const help = path.length === 0 ? '--help' : [program.name, ...path, '--help'].join(' ')
    return { text: `${error.message} See ${help}.`, exitCode: EXIT.usage }
  }
  if (program.describeError === undefined) throw error
  return program.describeError(error)
}

async function dispatch(
  program: Program,
  path: string[],
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  const write = (text: string): void => void context.stdout.write(`${text}\n`)
  if (args[0] === '--version' || args[0] === '-V') {
    const { name, version } = program
    write(args.includes('--json') ? JSON.stringify({ version }) : `${name} ${version}`)
    return EXIT.ok
  }
  const { command, rest } = await find(program.command, withHelpOption(program, args), path)
  if (command.runRaw !== undefined) return command.runRaw(rest, context)
  const { options = {}, run, readFile } = command
  if (run === undefined && rest.length === 0) {
    write(printHelp(program.name, path, command))
    return EXIT.usage
  }
  if (rest.slice(0, rest.includes('--') ? rest.indexOf('--') : undefined).some(isHelp)) {
    write(printHelp(program.name, path, command))
    return EXIT.ok
  }
  const settings = readSettings(options, {
    args: rest,
    environment: context.environment,
    readFile: readFile && ((textOf) => readFile(textOf, context)),
  })
  if (run === undefined) throw unknownCommand('', command)
  return run({ settings, operands: readOperands(settings.operands, command.operands), context })
}

/** `tool help keys` is `tool keys --help`, unless the program has a command or operands of its own for it. */
function withHelpOption({ command }: Program, args: readonly string[]): readonly string[] {
  const { subcommands = {}, operands } = command
  const isOwn = operands !== undefined || Object.hasOwn(subcommands, 'help')
  return args[0] === 'help' && !isOwn ? [...args.slice(1), '--help'] : args
}

const isHelp = (word: string): boolean => word === '--help' || word === '-h'

/** Finds the command that the first arguments name, and notes its path. */
async function find(
  root: Command,
  args: readonly string[],
  path: string[],
): Promise<{ command: Command; rest: readonly string[] }> {
  let command = root
  let rest = args
  for (;;) {
    const { subcommands } = command
    if (subcommands === undefined) break
    const at = (command.run ?? command.load) ? 0 : positionOfWord(rest, subcommands)
    const word = rest[at] ?? '-'
    if (word.startsWith('-')) break
    const next = Object.hasOwn(subcommands, word) ? subcommands[word] : undefined
    if (next === undefined) {
      if (command.operands !== undefined) break
      throw unknownCommand(word, command)
    }
    path.push(word)
    command = next.subcommands === undefined ? await loaded(next) : next
    rest = [...rest.slice(0, at), ...rest.slice(at + 1)]
  }
  return { command: await loaded(command), rest }
}

/** Finds the subcommand of a group, which has no options itself: those before the word are of the subcommand. */
function positionOfWord(args: readonly string[], subcommands: object): number {
  const [first = ''] = args
  const isOptionFirst = /^--[a-z]/.test(first) && !isHelp(first)
  return isOptionFirst ? args.findIndex((word) => Object.hasOwn(subcommands, word)) : 0
}

/** Completes a command whose definition is loaded on demand. */
export async function loaded({ load, ...known }: Command): Promise<Command> {
  return load === undefined ? known : { ...(await load()), ...known }
}

/** An unknown word is not repeated: it may be the value of an option that was forgotten. */
function unknownCommand(word: string, { subcommands = {} }: Command): UsageError {
  const known = Object.keys(subcommands)
  const meant = suggestion(word, known)
  return new UsageError({
    problem:
      meant === undefined
        ? `unknown command; the commands are ${known.join(', ')}`
        : 'unknown command',
    suggestion: meant,
  })
}

function readOperands(given: readonly string[], operands: Operands | undefined): string[] {
  const { usage = '', missing, min = 0, max = 1, words, parse } = operands ?? { max: 0 }
  if (given.length < min) throw new UsageError(missing ?? `give ${usage}`)
  if (given.length > max) {
    throw new UsageError(
      max === 0 ? 'takes options only, no other arguments' : `too many arguments: ${usage} at most`,
    )
  }
  return given.map((text) => {
    try {
      const known = words === undefined || words === 'paths' ? undefined : words
      if (known?.includes(text) === false) {
        throw new OptionProblem(`must be one of ${known.join(', ')}`, suggestion(text, known))
      }
      return parse === undefined ? text : parse(text)
    } catch (error) {
      if (!(error instanceof OptionProblem)) throw error
      const { problem, suggestion: meant } = error.facts
      throw new UsageError({ problem: `${usage} ${problem}`, suggestion: meant })
    }
  })
}
