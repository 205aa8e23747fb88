import type { Platform } from './platform.js'

/** Browsers, workers, edge runtimes: no files, no environment, the platform's own fetch. */
export const platform: Platform = {
  variable: () => undefined,
  warn: () => undefined,
  debug: () => undefined,
  // Looked up at each call, so that a fetch installed later (tests, tracing) is used.
  openConnections: () => ({
    fetch: (...parameters) => fetch(...parameters),
    close: () => Promise.resolve(),
  }),
  keyFiles: undefined,
  knownServersFile: undefined,
}
