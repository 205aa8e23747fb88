import {
  command,
  type Call,
  type Command,
  type CommandDefinition,
  type OptionDefinitions,
} from '@nomyo-internal/command-line'
import { createOutput, type Output } from '../output/output.js'
import { readConfigFile } from '../settings/config-file.js'

/** One call of a command of `nomyo`. */
export interface CliCall<O extends OptionDefinitions> extends Call<O> {
  readonly output: Output
}

/** Option of commands that print results for programs. */
export const JSON_OPTION = { json: { summary: 'print JSON, for programs' } }

/** Defines a command of `nomyo`. One with the option `--config` reads the config file. */
export const cliCommand = <const O extends OptionDefinitions>({
  run,
  ...definition
}: Omit<CommandDefinition<O>, 'run'> & {
  readonly run: (call: CliCall<O>) => Promise<number> | number
}): Command =>
  command<O>({
    ...definition,
    ...('config' in (definition.options ?? {}) ? { readFile: readConfigFile } : {}),
    run: (call) => run({ ...call, output: createOutput(call.context) }),
  })
