/** What there is to know of a flag. Its variable and its member of a config file follow from its name. */
export interface Flag {
  /** What its value is called; without one it is on or off. */
  readonly value?: string
  readonly about: string
  readonly fallback?: string
  /** May be given several times. */
  readonly list?: boolean
  /** Its value is shown to nobody. */
  readonly secret?: boolean
  /** No member of a config file. */
  readonly fileless?: boolean
}

/** Flags by name. */
export type Flags = Readonly<Record<string, Flag>>

/** The environment, as `process.env` gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** `NOMYO_MAX_BODY` for `max-body`. */
export const variableName = (flag: string): string =>
  `NOMYO_${flag.toUpperCase().replaceAll('-', '_')}`

/** `maxBody` for `max-body`. */
export const memberName = (flag: string): string =>
  flag.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase())
