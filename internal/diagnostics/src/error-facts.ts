/** Facts about an error without its message, which may quote a secret. */
export interface ErrorFacts {
  /** The name of its class. */
  readonly type: string
  /** Such as `ECONNRESET` or `ERR_TIMEOUT`; undefined for an error without one. */
  readonly code: string | undefined
  /** The frames of its stack, one per line. */
  readonly stack: string
}

/** Extracts the facts of an error that are safe to log. */
export function errorFacts(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error, code: undefined, stack: '' }
  // The message goes first: a line of it could look like a frame.
  const frames = (error.stack ?? '')
    .replace(error.message, '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  return { type: error.name, code: codeOf(error), stack: frames.join('\n') }
}

/** Formats the facts of an error for a log of plain text. */
export function formatErrorFacts(error: unknown): string {
  const { type, code, stack } = errorFacts(error)
  return [code === undefined ? type : `${type} ${code}`, ...(stack === '' ? [] : [stack])].join(
    '\n',
  )
}

/** Returns the code of an error such as `ENOENT`, or the name of its class where it has none. */
export const errnoCode = (error: unknown): string =>
  error instanceof Error ? (codeOf(error) ?? error.name) : 'unknown reason'

const codeOf = (error: Error): string | undefined =>
  'code' in error && typeof error.code === 'string' ? error.code : undefined
