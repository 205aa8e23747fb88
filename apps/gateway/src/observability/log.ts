import type { Writable } from 'node:stream'
import { errorFacts } from '@nomyo-internal/diagnostics'
import type { FastifyServerOptions } from 'fastify'
import type { LogLevel } from '../config/config.js'
import { HttpError } from '../http-error.js'

/** Receiver of messages for the operator, beside the structured logs. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
}

/** Logger that drops every message. */
export const silentLogger: Logger = { info: () => undefined, warn: () => undefined }

/** Creates a logger of lines for people; standard output is for the results of commands. */
export function loggerOf(stderr: NodeJS.WritableStream): Logger {
  const log = (message: string): void => void stderr.write(`nomyo-gateway: ${message}\n`)
  return { info: log, warn: log }
}

/**
 * Configures structured logs (pino), one JSON object per line. Requests, replies and errors are reduced
 * to facts that can contain neither headers nor bodies, also in lines of the framework itself.
 */
export function logOptions(
  level: LogLevel,
  stream: Writable,
): NonNullable<FastifyServerOptions['logger']> {
  return {
    level,
    stream,
    serializers: {
      req: ({ method }) => ({ method }),
      res: () => ({}),
      err: (error) => {
        const { type, code = '', stack } = errorFacts(error)
        // The text of an HttpError is fixed and public; any other may quote plaintext.
        return { type, message: error instanceof HttpError ? error.message : code, stack }
      },
    },
  }
}
