import { platform } from '#platform'

/** Where a caller wants lines to go. `console` will do. */
export interface Logger {
  warn(message: string): void
  debug?(message: string): void
}

/** Where lines go. They hold names, numbers and codes; never content, keys or tokens. */
export interface Log {
  warn(message: string): void
  debug(message: string): void
}

/** Warnings always go out; debug lines only when they were asked for. */
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
