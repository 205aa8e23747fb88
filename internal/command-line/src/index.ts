export {
  command,
  type Call,
  type Command,
  type CommandContext,
  type CommandDefinition,
  type Operands,
} from './commands/command.js'
export { EXIT, type ExitMeanings } from './commands/exit-codes.js'
export {
  contextOf,
  runProgram,
  type ErrorDescription,
  type Program,
} from './commands/run-program.js'
export { completionCommand } from './completion/completion-command.js'
export { completedWords } from './completion/words.js'
export { printHelp } from './help/help.js'
export { optionsTable } from './help/reference.js'
export {
  defineOptions,
  flagName,
  type OptionDefinition,
  type OptionDefinitions,
  type OptionValues,
} from './options/option.js'
export {
  readSettings,
  SECRET_MASK,
  type Environment,
  type FileMember,
  type FileSettings,
  type Settings,
} from './options/settings.js'
export { suggestion } from './options/suggestion.js'
export { OptionProblem, UsageError, type SettingSource } from './options/usage-error.js'
export {
  byteSize,
  decimalNumber,
  duration,
  matching,
  parseDuration,
  parsedBy,
  portNumber,
  visibleAscii,
  wholeNumber,
  type ValueParser,
} from './options/values.js'
