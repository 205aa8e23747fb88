import type { Platform } from './platform.js'

/** Browsers, workers, edge runtimes: a console, no files, no environment, the platform's own fetch. */
export const platform: Platform = {
  variable: () => undefined,
  warn: (message) => {
    console.warn(message)
  },
  debug: (message) => {
    console.debug(`nomyo: ${message}`)
  },
  openConnections: () => ({ close: () => Promise.resolve() }),
  outerHeaders: {},
  keyFiles: undefined,
  knownServersFile: undefined,
}
