import type { Platform } from './platform.js'

/** Browsers, workers, edge runtimes: no files, no environment, the platform's own fetch. */
export const platform: Platform = {
  variable: () => undefined,
  warn: () => undefined,
  debug: () => undefined,
  openConnections: () => ({ close: () => Promise.resolve() }),
  keyFiles: undefined,
  knownServersFile: undefined,
}
