/** What the exit codes of all commands but `nomyo attest` mean. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  security: 3,
  unreachable: 4,
  interrupted: 130,
} as const

/** The same in words, for the help text. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  failed: 'failed, or refused by the gateway; doctor: there is a problem',
  usage: 'the command line, the config file or a file named there makes no sense',
  security: 'stop: a key, an answer or the machine is not what it must be',
  unreachable: 'the gateway could not be asked',
  interrupted: 'ended with Ctrl-C',
}

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

/** Something must not be trusted, found out by this program itself; the message says what to do. */
export class DistrustError extends Error {
  override readonly name = 'DistrustError'
}
