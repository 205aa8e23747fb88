/** What the exit codes of most commands mean. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** What the exit codes of `nomyo attest` mean: a script must not take a typo for a verdict. */
export const ATTEST_EXIT = {
  affirming: 0,
  contraindicated: 1,
  warning: 2,
  usage: 3,
  unreachable: 4,
} as const

/** The command line, or a file named in it, makes no sense; the message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
