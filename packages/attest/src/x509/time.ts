import type { DerReader } from './der.js'

const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

const FORM = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

/**
 * Reads a UTCTime or GeneralizedTime to the second, in UTC (RFC 5280, section 4.1.2.5). Computed here,
 * without the platform's calendar: the only clock of a verifier is the caller's.
 *
 * @returns milliseconds since 1970-01-01T00:00:00Z, negative before
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` for any other form, and for an impossible date
 */
export function readTime(reader: DerReader): number {
  const short = reader.nextIs(UTC_TIME)
  const digits = String.fromCharCode(...reader.content(short ? UTC_TIME : GENERALIZED_TIME))
  // Two-digit years from 50 on belong to the 20th century.
  const century = short ? (digits < '5' ? '20' : '19') : ''
  const [, ...parts] = FORM.exec(century + digits) ?? reader.fail('holds a time in another form')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map(Number)

  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const before = DAYS_BEFORE_MONTH[month - 1]
  const length = (DAYS_BEFORE_MONTH[month] ?? 365) - (before ?? 0) + Number(isLeap && month === 2)
  if (before === undefined || day < 1 || day > length || hour > 23 || minute > 59 || second > 59) {
    reader.fail('holds an impossible date or time')
  }
  const leapDays = leapYears(year - 1) - leapYears(1969) + Number(isLeap && month > 2)
  const days = (year - 1970) * 365 + leapDays + before + day - 1
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000
}

/** Counts the leap years from year 1 to this one. */
function leapYears(year: number): number {
  return Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400)
}
