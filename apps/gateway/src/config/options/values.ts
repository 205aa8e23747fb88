import { LOG_LEVELS, type LogLevel } from '../../observability/log.js'
import { variableName } from './flag.js'
import type { FlagName } from './flags.js'
import type { FlagValues } from './parse-flags.js'
import { UsageError } from './usage-error.js'

/** The text of an option, wherever it was given. */
export type Read = (name: FlagName) => string | undefined

/** The values of a flag that may be given several times, else those of its variable. */
export function listOf(given: FlagValues[string], variable: string | undefined): string[] {
  const fromFlags = Array.isArray(given) ? given.filter((value) => typeof value === 'string') : []
  if (fromFlags.length > 0) return fromFlags
  return (variable ?? '').split(',').filter((value) => value !== '')
}

export function readPort(name: 'port' | 'metrics-port', text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65535) return port
  throw new UsageError(`--${name} must be a number from 0 to 65535.`)
}

/** A whole number from 1 on. */
export function readWhole(name: FlagName, text = '', max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= 1 && number <= max) return number
  throw new UsageError(`--${name} must be a whole number from 1 to ${String(max)}.`)
}

export function readCount(name: FlagName, read: Read, least: number): number | undefined {
  const text = read(name)
  if (text === undefined) return undefined
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (count >= least) return count
  throw new UsageError(`--${name} must be a number from ${String(least)} to 999999.`)
}

export function readSwitch(name: FlagName, text: string | undefined): boolean {
  if (text === undefined || /^(?:0|false)$/i.test(text)) return false
  if (/^(?:1|true)$/i.test(text)) return true
  throw new UsageError(`${variableName(name)} must be 1, true, 0 or false.`)
}

const UNITS: Readonly<Record<string, number>> = { '': 1, kib: 1024, mib: 1024 ** 2 }
/** What a 4096-bit envelope takes at least, and what can be held in memory without harm. */
const BODY_RANGE = { min: 1024, max: 256 * 1024 ** 2 }

export function readSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,12})\s*([a-z]*)$/i.exec(text) ?? []
  const size = Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN)
  if (size >= BODY_RANGE.min && size <= BODY_RANGE.max) return size
  throw new UsageError('--max-body must be a size from 1KiB to 256MiB, such as 16MiB or 500000.')
}

export function readLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((candidate) => candidate === text)
  if (level !== undefined) return level
  throw new UsageError(`--log-level must be one of ${LOG_LEVELS.join(', ')}.`)
}
