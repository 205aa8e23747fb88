import { errorFacts } from '@nomyo-internal/diagnostics'
import { pino, type Logger, type SerializerFn } from 'pino'
import type { LogFormat, LogLevel } from './levels.js'
import { escapeUnsafe, formatLine } from './text-line.js'

/** Log of a program: messages for the operator and requests, in one format. */
export type Log = Logger

/** Settings of a log. */
export interface LogOptions {
  /** Name of the program; in JSON only. */
  readonly name: string
  readonly level: LogLevel
  readonly format: LogFormat
  readonly stream: { write(text: string): unknown }
  /** Reduces objects to facts that may be logged. Errors are reduced to class, code and frames by default. */
  readonly serializers?: Readonly<Record<string, SerializerFn>>
}

/**
 * Creates a log. Characters that a terminal obeys, and those that reorder text, are escaped in either
 * format.
 *
 * @example
 * ```ts
 * const log = createLog({ name: 'tool', level: 'info', format: 'text', stream: process.stderr })
 * log.info({ port: 8080 }, 'listening')
 * ```
 */
export function createLog({ name, level, format, stream, serializers }: LogOptions): Log {
  const toLine = format === 'json' ? escapeUnsafe : formatLine
  return pino(
    { name, level, serializers: { err: errorFacts, ...serializers } },
    { write: (line) => void stream.write(toLine(line)) },
  )
}
