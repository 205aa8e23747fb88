/** Receiver of messages for the operator. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
}

/** Logger that drops every message. */
export const silentLogger: Logger = { info: () => undefined, warn: () => undefined }

/** Creates a logger for the notes of a command, which end with it; standard output is for its result. */
export function loggerOf(stderr: NodeJS.WritableStream): Logger {
  const log = (message: string): void => void stderr.write(`nomyo-gateway: ${message}\n`)
  return { info: log, warn: log }
}
