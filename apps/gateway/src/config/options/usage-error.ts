/** A command line or config file that makes no sense; the message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
