import { checkFunction } from '../check-argument.js'

/**
 * Parses the wait that a server requests into milliseconds, as OpenAI's SDKs do: `Retry-After-Ms`, else
 * `Retry-After` (RFC 9110 section 10.2.3) in seconds, also with a fraction, or as an HTTP date of any of
 * its three forms. Undefined without a valid one.
 *
 * @param header - returns a header by its lower-case name
 * @param nowMs - the time that a date is relative to
 *
 * @example
 * ```ts
 * import { parseRetryAfter } from '@nomyo/transport'
 *
 * const { headers } = await fetch('https://gateway.example/v1/models')
 * const waitMs = parseRetryAfter((name) => headers.get(name) ?? undefined, Date.now())
 * console.log(waitMs ?? 'no wait is requested')
 * ```
 */
export function parseRetryAfter(
  header: (name: string) => string | undefined,
  nowMs: number,
): number | undefined {
  checkFunction(header, 'header')
  return (
    parseNumber(header('retry-after-ms'), 1) ??
    parseNumber(header('retry-after'), 1000) ??
    parseDate(header('retry-after'), nowMs)
  )
}

function parseNumber(value: string | undefined, unitMs: number): number | undefined {
  if (value === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(value)) return undefined
  // An enormous number still means: not now.
  return Math.min(Math.ceil(Number(value) * unitMs), Number.MAX_SAFE_INTEGER)
}

function parseDate(value = '', nowMs: number): number | undefined {
  const text = value.trim()
  // Date.parse alone finds a date in nearly any text with a number.
  if (!HTTP_DATE.test(text)) return undefined
  // The oldest form of a date names no zone, and means GMT.
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  const waitMs = date - nowMs
  return Number.isNaN(waitMs) ? undefined : Math.max(waitMs, 0)
}

const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/
