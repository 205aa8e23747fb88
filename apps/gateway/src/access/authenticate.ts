import { timingSafeEqual } from 'node:crypto'
import { saltedHash, type ApiKey } from './api-key.js'
import { HttpError } from '../http-error.js'
import type { RateLimit } from './rate-limit.js'

/** Who is let in. */
export interface Caller {
  /** The name of the key; undefined where everybody is let in. */
  readonly keyName?: string
  /** Models it may ask for; without them, all. */
  readonly models?: readonly string[]
  /** Security tiers it may ask for; without them, all. */
  readonly tiers?: readonly string[]
  /** Its own limit instead of that of all others. */
  readonly rateLimit?: RateLimit
}

/** Judges an `Authorization` header: who it is, or the refusal. */
export type Authenticate = (authorization: string | undefined) => Caller | HttpError

/**
 * Checks bearer tokens against the keys that are good at the time. Where there are none to be
 * (undefined), every request passes.
 *
 * Hashes are compared, all of them and in constant time: how long a refusal takes says nothing
 * about how much of a key was right, or which one.
 */
export function createAuthenticate(currentKeys: () => readonly ApiKey[] | undefined): Authenticate {
  return (authorization) => {
    const keys = currentKeys()
    if (keys === undefined) return {}
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1]
    if (token === undefined)
      return new HttpError(401, 'An API key is needed: Authorization: Bearer <key>')
    let match: ApiKey | undefined
    for (const key of keys) {
      match = timingSafeEqual(key.hash, saltedHash(token, key.salt)) ? key : match
    }
    return match === undefined ? new HttpError(401, 'Invalid API key') : callerOf(match)
  }
}

const callerOf = ({ name, salt: _salt, hash: _hash, ...rest }: ApiKey): Caller => ({
  keyName: name,
  ...rest,
})
