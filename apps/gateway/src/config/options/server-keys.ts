import type { KeyConfig } from '../config.js'
import type { KeyPlace } from '../../server-keys/open-store.js'
import type { Environment } from './flag.js'
import { parseDuration } from './parse-duration.js'
import type { FlagValues } from './parse-flags.js'
import { readRedis } from './redis.js'
import { UsageError } from './usage-error.js'
import { readSwitch, type Read } from './values.js'

/** Where a command finds the keys. */
export function readKeyPlace(values: FlagValues, read: Read, environment: Environment): KeyPlace {
  const idle = Object.keys(values).find(
    (name) => !['key-dir', 'key-password-file', 'shared-keys', 'redis'].includes(name),
  )
  if (idle !== undefined) throw new UsageError(`--${idle} has no meaning here.`)
  const place = {
    keyDir: read('key-dir'),
    sharedKeys: readSharedKeys(read, environment),
    redis: readRedis(read('redis'), undefined),
    keys: readPassword(read, environment),
  }
  if (place.keyDir !== undefined || place.sharedKeys === true) return place
  throw new UsageError(
    'give the folder of the keys, --key-dir DIR, or the Redis, --shared-keys --redis URL.',
  )
}

/** Whether keys are in Redis, with all that takes; undefined where they are not. */
export function readSharedKeys(read: Read, environment: Environment): true | undefined {
  if (!readSwitch('shared-keys', read('shared-keys'))) return undefined
  if (read('key-dir') !== undefined) {
    throw new UsageError('--shared-keys keeps the keys in Redis: leave --key-dir out.')
  }
  if (read('redis') === undefined) {
    throw new UsageError('--shared-keys needs a Redis: give --redis URL.')
  }
  if (Object.keys(readPassword(read, environment)).length > 0) return true
  throw new UsageError(
    '--shared-keys needs a password to encrypt the keys with: give --key-password-file FILE.',
  )
}

export function readKeys(read: Read, environment: Environment): KeyConfig {
  const password = readPassword(read, environment)
  const isKept = read('key-dir') !== undefined || readSwitch('shared-keys', read('shared-keys'))
  if (!isKept && Object.keys(password).length > 0) {
    throw new UsageError('a key password needs --key-dir DIR, or --shared-keys.')
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
  const leadMs = parseDuration(read('key-lead') ?? '')
  if (leadMs === undefined || leadMs < 1000 || leadMs > 600_000) {
    throw new UsageError('--key-lead must be a time from 1s to 10m.')
  }
  return { ...password, overlapMs, rotationMs, leadMs }
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
