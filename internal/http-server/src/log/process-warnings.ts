import type { Log } from './create-log.js'

/** Writes the warnings of Node (deprecated options, leaking listeners) to a log, in its format. */
export function logProcessWarnings(log: Log): void {
  // The listener of Node itself, which writes text.
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message, ...rest }: Error & { code?: unknown }) => {
    log.warn({ type: name, ...('code' in rest ? { code: rest.code } : {}) }, message)
  })
}
