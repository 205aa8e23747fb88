/** Exit codes of every command of every program. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  security: 3,
  unreachable: 4,
  warning: 5,
  interrupted: 130,
} as const

/** Meanings of the exit codes, for help texts. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'success',
  failed: 'failure, refusal by the gateway, or a problem found by a doctor',
  usage: 'wrong command line, config file, or file named there',
  security: 'stop: a key, an answer or the machine is not what it must be',
  unreachable: 'the gateway could not be reached',
  warning: 'the evidence holds, but with warnings or without an endorsed key',
  interrupted: 'interrupted with Ctrl-C',
}
