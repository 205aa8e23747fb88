import { createHash, timingSafeEqual } from 'node:crypto'
import { HttpError } from './http-error.js'

/** Judges an `Authorization` header: nothing when the request may pass, else the refusal. */
export type Authenticate = (authorization: string | undefined) => HttpError | undefined

/**
 * Checks bearer tokens against the configured keys. With no keys every request passes.
 *
 * Digests are compared, all of them and in constant time: how long a refusal takes says nothing
 * about how much of a key was right, or which one.
 */
export function createAuthenticate(apiKeys: readonly string[]): Authenticate {
  if (apiKeys.length === 0) return () => undefined
  const known = apiKeys.map(digest)
  return (authorization) => {
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1]
    if (token === undefined)
      return new HttpError(401, 'An API key is needed: Authorization: Bearer <key>')
    const given = digest(token)
    let matches = 0
    for (const key of known) matches += timingSafeEqual(key, given) ? 1 : 0
    return matches > 0 ? undefined : new HttpError(401, 'Invalid API key')
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
