/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Every level, from the quietest on. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const

/** Where lines go. They hold names, numbers and codes; never bodies, keys or tokens. */
export type Log = Readonly<Record<Exclude<LogLevel, 'silent'>, (message: string) => void>>

/** One line each, on standard error. */
export function createLog(level: LogLevel): Log {
  const most = LOG_LEVELS.indexOf(level)
  const at = (own: LogLevel) => (message: string) => {
    if (LOG_LEVELS.indexOf(own) > most) return
    process.stderr.write(`${new Date().toISOString()} ${own} ${message}\n`)
  }
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}

/** What an unforeseen error was, without its text, which may quote what somebody wrote. */
export function errorFacts(error: unknown): string {
  if (!(error instanceof Error)) return 'not an error'
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : ''
  // Without the message, of which a line could look like a frame.
  const frames = (error.stack ?? '')
    .replace(error.message, '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  return [`${error.name}${code}`, ...frames].join('\n')
}
