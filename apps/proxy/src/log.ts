import { LOG_LEVELS, type LogLevel } from '@nomyo-internal/http-server'

/** Receives lines of names, numbers and codes; never bodies, keys or tokens. */
export type Log = Readonly<Record<Exclude<LogLevel, 'silent'>, (message: string) => void>>

/** Creates a log of one line per message, which is passed to `write`. */
export function createLog(level: LogLevel, write: (line: string) => void): Log {
  const threshold = LOG_LEVELS.indexOf(level)
  const at = (own: LogLevel) => (message: string) => {
    if (LOG_LEVELS.indexOf(own) > threshold) return
    write(`${new Date().toISOString()} ${own} ${message}\n`)
  }
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}
