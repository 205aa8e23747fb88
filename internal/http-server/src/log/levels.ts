/** Every log level, from the quietest to the most verbose. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const

/** Least severity that is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Values of the option: `auto` is text on a terminal, JSON elsewhere. */
export const LOG_FORMATS = ['auto', 'text', 'json'] as const

/** Text is for people; JSON has one object per line. */
export type LogFormat = Exclude<(typeof LOG_FORMATS)[number], 'auto'>

/** Chooses the format for a stream. */
export const logFormatOf = (
  option: (typeof LOG_FORMATS)[number],
  stream: { readonly isTTY?: boolean },
): LogFormat => (option === 'auto' ? (stream.isTTY === true ? 'text' : 'json') : option)
