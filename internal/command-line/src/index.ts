export {
  EXIT,
  command,
  type Call,
  type Command,
  type CommandContext,
  type CommandDefinition,
} from './commands/command.js'
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
} from './options/option.js'
export {
  SECRET_MASK,
  describeServiceLink,
  readSettings,
  type Environment,
  type FileMember,
  type FileSettings,
  type Settings,
} from './options/settings.js'
export { suggestion } from './options/suggestion.js'
export { OptionProblem, UsageError } from './options/usage-error.js'
export {
  WIRE_OPTION,
  byteSize,
  decimalNumber,
  duration,
  gatewayUrl,
  matching,
  parseDuration,
  parsedBy,
  portNumber,
  relayUrl,
  visibleAscii,
  webOrigin,
  wholeNumber,
  type Wire,
} from './options/values.js'
