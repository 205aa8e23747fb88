import { attest } from './commands/attest.js'
import { demo } from './commands/demo.js'
import { EXIT } from './exit-codes.js'
import { createOutput, type Output } from './output.js'

/** One command: what it does, for the help text, and the doing of it. */
interface Command {
  readonly about: string
  readonly run: (output: Output, args: readonly string[]) => Promise<number>
  /** Whether it reads arguments and `--help` itself. */
  readonly takesArguments?: true
}

const COMMANDS: Readonly<Record<string, Command>> = {
  attest: {
    about: 'shows and judges TPM evidence: inspect, verify, policy init',
    run: attest,
    takesArguments: true,
  },
  demo: { about: 'shows one sealed chat completion from end to end, offline', run: demo },
}

// `nomyo … | head` closes the pipe early: no fault of anybody's.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await run(process.argv.slice(2))

async function run([name, ...rest]: readonly string[]): Promise<number> {
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  const readsItself = command?.takesArguments === true
  const asksForHelp = [name, ...(readsItself ? [] : rest)].some((one) =>
    /^(?:--help|-h)$/.test(one ?? ''),
  )
  if (name === undefined || asksForHelp) {
    process.stdout.write(helpText())
    return name === undefined ? EXIT.usage : EXIT.ok
  }
  if (command === undefined || (rest.length > 0 && !readsItself)) {
    const wrong = command === undefined ? `unknown command ${name}` : `${name} takes no arguments`
    process.stderr.write(`nomyo: ${wrong}. See nomyo --help.\n`)
    return EXIT.usage
  }
  try {
    return await command.run(createOutput(process.stdout, process.env), rest)
  } catch (error) {
    process.stderr.write(`nomyo: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.failed
  }
}

function helpText(): string {
  const rows = Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(8)} ${about}`)
  return [
    'nomyo: end-to-end encrypted chat completions.',
    '',
    'Usage: nomyo COMMAND',
    '',
    'Commands',
    ...rows,
    '',
    'Exit codes: 0 done, 1 failed, 2 the command line makes no sense; nomyo attest has its own.',
    '',
  ].join('\n')
}
