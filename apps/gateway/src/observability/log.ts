import type { FastifyServerOptions } from 'fastify'
import { HttpError } from '../http-error.js'

/** How much is logged. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Every level, from the quietest on. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const

/**
 * Structured logs (pino) on standard error, one JSON object a line. Requests, replies and errors are
 * reduced to what can hold neither headers nor bodies, also where the framework logs by itself.
 */
export function logOptions(level: LogLevel): NonNullable<FastifyServerOptions['logger']> {
  return {
    level,
    stream: process.stderr,
    serializers: {
      req: (request) => ({ method: request.method }),
      res: () => ({}),
      err: errorFacts,
    },
  }
}

/** Where an error came from. Not its message, which may quote what was opened. */
export function errorFacts(error: Error & { code?: unknown }): {
  type: string
  message: string
  stack: string
} {
  const code = typeof error.code === 'string' ? error.code : ''
  // Without the message, of which a line could look like a frame.
  const stack = (error.stack ?? '').replace(error.message, '')
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: error.name,
    // The text of an HttpError is fixed and meant for the world.
    message: error instanceof HttpError ? error.message : code,
    stack: frames.join('\n'),
  }
}
