/** Characters that a terminal obeys or that reorder text; line breaks are among them. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
/** Those among them that JSON leaves as they are. */
const UNSAFE_IN_JSON = /[\u007f-\u009f\p{Bidi_Control}\u2028\u2029]/gu
/** Text that needs no quotes as a value. */
const PLAIN = /^[^\s"=\\\p{Cc}\p{Bidi_Control}\u2028\u2029]+$/u

const escape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Escapes characters in a line of JSON so that it parses to the same value and is safe for a terminal. */
export const escapeUnsafe = (line: string): string => line.replace(UNSAFE_IN_JSON, escape)

/** Members of every line that say nothing to a person at a terminal. */
const OMITTED = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg'])
const LEVELS: Readonly<Record<number, string>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}
const LEVEL_WIDTH = 'error'.length
const INDENT = '\n    '

/** Formats a line of JSON as text: time, level, message, and the other members as `name=value`. */
export function formatLine(json: string): string {
  const line = JSON.parse(json) as Record<string, unknown>
  const { level, time, msg = '' } = line
  const frames: string[] = []
  const members = Object.entries(line)
    .filter(([name]) => !OMITTED.has(name))
    .map(([name, value]) => ` ${safe(name)}=${valueText(withoutStack(value, frames))}`)
  const head = `${new Date(Number(time)).toISOString()} ${(LEVELS[Number(level)] ?? '').padEnd(LEVEL_WIDTH)}`
  return `${head} ${lines(String(msg))}${members.join('')}${frames.map((frame) => INDENT + safe(frame)).join('')}\n`
}

/** Collects the frames of an error, each of which has a line of its own. */
function withoutStack(value: unknown, frames: string[]): unknown {
  if (typeof value !== 'object' || value === null || !('stack' in value)) return value
  const { stack, ...rest } = value
  if (typeof stack === 'string') frames.push(...stack.split('\n').map((frame) => frame.trim()))
  return rest
}

function valueText(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value
  return safe(JSON.stringify(value))
}

/** Indents all lines but the first, so that no text of a message looks like a line of its own. */
const lines = (text: string): string => text.split('\n').map(safe).join(INDENT)

const safe = (text: string): string => text.replace(UNSAFE, escape)
