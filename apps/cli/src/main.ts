import { version } from '../package.json'
import { readCommandArguments } from './arguments.js'
import type { Command, CommandContext } from './command.js'
import { COMMANDS } from './commands/table.js'
import { EXIT, UsageError } from './exit-codes.js'
import { failureOf } from './failure.js'
import { commandHelp, generalHelp } from './help.js'
import { createOutput, printable } from './output.js'
import { didYouMean } from './suggestion.js'

// `nomyo … | head` closes the pipe early: no fault of anybody's.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const { stdout, stderr, env } = process
  const output = createOutput(stdout, stderr, env)
  // The names found so far, for the hint at the right help text.
  const named: string[] = []
  try {
    return await run({ output, environment: env }, args, named)
  } catch (error) {
    const { text, exitCode } = failureOf(error)
    const more = error instanceof UsageError ? `\nSee nomyo ${[...named, '--help'].join(' ')}.` : ''
    output.note(printable(`nomyo: ${text}${more}`))
    return exitCode
  }
}

async function run(
  context: CommandContext,
  [first, ...rest]: readonly string[],
  named: string[],
): Promise<number> {
  const { output } = context
  const write = (text: string): void => output.line(text.trimEnd())
  if (first === undefined || isHelp(first)) {
    write(generalHelp(COMMANDS))
    return first === undefined ? EXIT.usage : EXIT.ok
  }
  if (first === '--version' || first === '-V') {
    write(rest.includes('--json') ? JSON.stringify({ version }) : `nomyo ${version}`)
    return EXIT.ok
  }
  let command = find(COMMANDS, first, named)
  let args = rest
  if (command.runRaw !== undefined) return command.runRaw(context, args)
  while (command.subcommands !== undefined) {
    const [next, ...behind] = args
    if (next === undefined || isHelp(next)) {
      write(commandHelp(named.join(' '), command))
      return next === undefined ? EXIT.usage : EXIT.ok
    }
    command = find(command.subcommands, next, named)
    args = behind
  }
  // Behind -- stands text, whatever it says.
  const end = args.indexOf('--')
  if (args.slice(0, end === -1 ? undefined : end).some(isHelp)) {
    write(commandHelp(named.join(' '), command))
    return EXIT.ok
  }
  return command.run?.(context, readCommandArguments(args, command)) ?? EXIT.usage
}

function find(commands: Readonly<Record<string, Command>>, name: string, named: string[]): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command === undefined) {
    const known = Object.keys(commands)
    const hint = didYouMean(name, known)
    throw new UsageError(
      `there is no command ${[...named, name].join(' ')}${hint === '' ? `; there are ${known.join(', ')}` : hint}`,
    )
  }
  named.push(name)
  return command
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h'
}
