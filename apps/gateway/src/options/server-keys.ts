import type { KeyConfig } from '../config.js'
import type { Environment } from './flag.js'
import { parseDuration } from './parse-duration.js'
import type { FlagValues } from './parse-flags.js'
import { UsageError } from './usage-error.js'
import type { Read } from './values.js'

export function readKeyCommand(
  values: FlagValues,
  read: Read,
  environment: Environment,
): { keyDir: string; keys: KeyConfig } {
  const idle = Object.keys(values).find((name) => !['key-dir', 'key-password-file'].includes(name))
  if (idle !== undefined) throw new UsageError(`--${idle} has no meaning here.`)
  const keyDir = read('key-dir')
  if (keyDir === undefined) throw new UsageError('give the folder of the keys: --key-dir DIR.')
  return { keyDir, keys: readPassword(read, environment) }
}

export function readKeys(read: Read, environment: Environment): KeyConfig {
  const password = readPassword(read, environment)
  if (read('key-dir') === undefined && Object.keys(password).length > 0) {
    throw new UsageError('a key password needs --key-dir DIR.')
  }
  const rotation = read('key-rotation')
  const rotationMs = rotation === undefined ? undefined : parseDuration(rotation)
  const overlapMs = parseDuration(read('key-overlap') ?? '')
  if (overlapMs === undefined || (rotation !== undefined && rotationMs === undefined)) {
    throw new UsageError('--key-rotation and --key-overlap must be times such as 30d, 24h or 15m.')
  }
  // Only two keys open at a time.
  if (rotationMs !== undefined && rotationMs <= overlapMs) {
    throw new UsageError('--key-rotation must be longer than --key-overlap.')
  }
  return { ...password, overlapMs, rotationMs }
}

function readPassword(read: Read, environment: Environment): KeyConfig {
  const passwordFile = read('key-password-file')
  const password = environment['NOMYO_KEY_PASSWORD'] ?? ''
  if (passwordFile !== undefined && password !== '') {
    throw new UsageError('give --key-password-file or NOMYO_KEY_PASSWORD, not both.')
  }
  if (passwordFile !== undefined) return { passwordFile }
  return password === '' ? {} : { password }
}
