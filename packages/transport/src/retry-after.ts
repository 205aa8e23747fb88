/**
 * Milliseconds to wait as a `Retry-After` header says (RFC 9110 section 10.2.3): seconds, or an HTTP
 * date seen from `nowMs`. Undefined when there is none or it makes no sense.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  // A date has letters; Date.parse alone would also read bare numbers, as years.
  if (!/[A-Za-z]/.test(text)) return undefined
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(date - nowMs, 0)
}
