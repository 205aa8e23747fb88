import { platform } from '#platform'

/** A receiver of log lines. `console` fits. */
export interface Logger {
  warn(message: string): void
  debug?(message: string): void
}

/** The log of a client. Lines hold names, numbers and codes; never content, keys or tokens. */
export interface Log {
  warn(message: string): void
  debug(message: string): void
}

/** Creates a log that always writes warnings, and debug lines only when debugging. */
export function createLog(logger: Logger | undefined, debugging: boolean): Log {
  return {
    warn: (message) => {
      if (logger === undefined) platform.warn(message)
      else logger.warn(message)
    },
    debug: (message) => {
      if (!debugging) return
      if (logger?.debug === undefined) platform.debug(message)
      else logger.debug(message)
    },
  }
}
