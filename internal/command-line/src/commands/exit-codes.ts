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

/** Meanings of the exit codes that a command has, for its help text. */
export type ExitMeanings = Readonly<Partial<Record<keyof typeof EXIT, string>>>
