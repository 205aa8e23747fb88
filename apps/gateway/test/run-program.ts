import { PassThrough } from 'node:stream'
import { runProgram, type Environment } from '@nomyo-internal/command-line'
import { program } from '../src/commands/program.js'

/** Exit code and output of a command. */
export interface ProgramRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command of the program in this process; for any but a start. */
export async function runInProcess(
  args: readonly string[],
  environment: Environment = {},
  { isTTY = false } = {},
): Promise<ProgramRun> {
  const stdout = Object.assign(new PassThrough(), { isTTY })
  const stderr = new PassThrough()
  const stdin = new PassThrough()
  const exitCode = await runProgram(program, args, { environment, stdin, stdout, stderr })
  const textOf = (stream: PassThrough): string => String(stream.read() ?? '')
  return { exitCode, stdout: textOf(stdout), stderr: textOf(stderr) }
}
