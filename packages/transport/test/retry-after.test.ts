import { describe, expect, it, vi } from 'vitest'
import { parseRetryAfter } from '../src/retry-after.js'

const now = Date.parse('2026-11-06T08:49:37Z')

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    ['007', 7000],
    [' 30 ', 30_000],
    ['999999999', 999_999_999_000],
  ])('in seconds: %j', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected)
  })

  it.each([
    ['as it is written today', 'Fri, 06 Nov 2026 08:50:37 GMT'],
    ['as RFC 850 wrote it', 'Friday, 06-Nov-26 08:50:37 GMT'],
    ['as asctime() writes it, without a zone', 'Fri Nov  6 08:50:37 2026'],
  ])('as an HTTP date, %s', (_form, value) => {
    for (const zone of ['UTC', 'Asia/Tokyo', 'America/Lima']) {
      vi.stubEnv('TZ', zone)
      expect(parseRetryAfter(value, now), zone).toBe(60_000)
    }
    vi.unstubAllEnvs()
  })

  it('as a date that has passed means now', () => {
    expect(parseRetryAfter('Fri, 06 Nov 2026 08:49:36 GMT', now)).toBe(0)
    expect(parseRetryAfter('Fri, 06 Nov 1998 08:49:37 GMT', now)).toBe(0)
  })

  it.each([
    undefined,
    '',
    ' ',
    '-5',
    '+5',
    '1.5',
    '1e3',
    '0x10',
    '5 s',
    '5, 6',
    '1 2',
    'soon',
    'soon 5',
    'Fri, 99 Nov 2026 08:50:37 GMT',
    '٣',
  ])('that is invalid counts as missing: %j', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined()
  })

  it('that is beyond all measure is not taken for none', () => {
    expect(parseRetryAfter('9'.repeat(12), now)).toBeGreaterThan(60_000)
    expect(parseRetryAfter('9'.repeat(400), now)).toBeGreaterThan(60_000)
  })
})
