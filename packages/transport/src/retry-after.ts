/**
 * Parses a `Retry-After` header (RFC 9110 section 10.2.3), seconds or an HTTP date relative to `nowMs`,
 * into milliseconds. Undefined for a missing or invalid one.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  // An enormous number still means: not now.
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, Number.MAX_SAFE_INTEGER)
  // Date.parse alone finds a date in nearly any text with a number.
  if (!HTTP_DATE.test(text)) return undefined
  // The oldest form of a date names no zone, and means GMT.
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
  return Number.isNaN(date) ? undefined : Math.max(date - nowMs, 0)
}

const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/
