export { errnoCode, errorFacts, formatErrorFacts } from './error-facts.js'
export { ok, problem, warning, type Finding, type NamedFinding } from './finding.js'
export { printable, printableJson, printableLine } from './printable.js'
export { repeatedMember } from './repeated-member.js'
export {
  formatFinding,
  formatJsonReport,
  formatSummary,
  hasProblem,
  terminalPaint,
  type Paint,
} from './report.js'
export { withTimeout } from './with-timeout.js'
