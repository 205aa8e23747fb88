import { describe, expect, it, vi } from 'vitest'
import { parseRetryAfter } from '../src/http/retry-after.js'

const now = Date.parse('2026-11-06T08:49:37Z')

/** Parses these headers. */
const parse = (headers: Readonly<Record<string, string | undefined>>): number | undefined =>
  parseRetryAfter((name) => headers[name], now)
const parseHeader = (value: string | undefined): number | undefined =>
  parse({ 'retry-after': value })

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    ['007', 7000],
    [' 30 ', 30_000],
    ['999999999', 999_999_999_000],
    ['1.5', 1500],
    ['0.25', 250],
    ['0.0001', 1],
  ])('in seconds: %j', (value, expected) => {
    expect(parseHeader(value)).toBe(expected)
  })

  it.each([
    ['as it is written today', 'Fri, 06 Nov 2026 08:50:37 GMT'],
    ['as RFC 850 wrote it', 'Friday, 06-Nov-26 08:50:37 GMT'],
    ['as asctime() writes it, without a zone', 'Fri Nov  6 08:50:37 2026'],
  ])('as an HTTP date, %s', (_form, value) => {
    for (const zone of ['UTC', 'Asia/Tokyo', 'America/Lima']) {
      vi.stubEnv('TZ', zone)
      expect(parseHeader(value), zone).toBe(60_000)
    }
    vi.unstubAllEnvs()
  })

  it('as a date that has passed means now', () => {
    expect(parseHeader('Fri, 06 Nov 2026 08:49:36 GMT')).toBe(0)
    expect(parseHeader('Fri, 06 Nov 1998 08:49:37 GMT')).toBe(0)
  })

  it.each([
    undefined,
    '',
    ' ',
    '-5',
    '+5',
    '1e3',
    '1.',
    '.5',
    '1.5.5',
    'NaN',
    'Infinity',
    '-Infinity',
    '0x10',
    '5 s',
    '5, 6',
    '1 2',
    'soon',
    'soon 5',
    'Fri, 99 Nov 2026 08:50:37 GMT',
    '٣',
  ])('that is invalid counts as missing: %j', (value) => {
    expect(parseHeader(value)).toBeUndefined()
  })

  it('that is beyond all measure is not taken for none', () => {
    expect(parseHeader('9'.repeat(12))).toBeGreaterThan(60_000)
    expect(parseHeader('9'.repeat(400))).toBeGreaterThan(60_000)
  })

  it('in milliseconds comes first', () => {
    expect(parse({ 'retry-after-ms': '250' })).toBe(250)
    expect(parse({ 'retry-after-ms': '250.5', 'retry-after': '7' })).toBe(251)
    expect(parse({ 'retry-after-ms': '0', 'retry-after': '7' })).toBe(0)
    expect(parse({ 'retry-after-ms': '9'.repeat(400) })).toBeGreaterThan(60_000)
  })

  it('in milliseconds that are invalid gives way to the other header', () => {
    for (const value of ['', '-1', 'soon', '1e3', '7 ms', 'Fri, 06 Nov 2026 08:50:37 GMT']) {
      expect(parse({ 'retry-after-ms': value, 'retry-after': '7' }), value).toBe(7000)
      expect(parse({ 'retry-after-ms': value }), value).toBeUndefined()
    }
  })
})
