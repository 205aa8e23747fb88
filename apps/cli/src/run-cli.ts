import { runProgram, type CommandContext } from '@nomyo-internal/command-line'
import { version } from '../package.json'
import { nomyo } from './commands/index.js'
import { describeError } from './describe-error.js'

/** Input of one run of the command. */
export interface CliInput extends CommandContext {
  /** Arguments behind `nomyo`. */
  readonly args: readonly string[]
}

/** Runs `nomyo` and gives its exit code. */
export const runCli = ({ args, ...context }: CliInput): Promise<number> =>
  runProgram({ name: 'nomyo', version, command: nomyo, describeError }, args, context)
