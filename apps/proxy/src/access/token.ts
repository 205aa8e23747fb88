import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { Refusal } from '../openai-error.js'

const TOKEN_BYTES = 32

/** A token nobody can guess. */
export const newToken = (): string =>
  `nomyo_local_${randomBytes(TOKEN_BYTES).toString('base64url')}`

/** Judges an `Authorization` header: undefined, or the refusal. */
export type CheckToken = (authorization: string | undefined) => Refusal | undefined

/**
 * Checks bearer tokens; without a token of its own it lets everybody in. Digests are compared, in
 * constant time: how long a refusal takes says nothing about how much of a token was right.
 */
export function createCheckToken(token: string | undefined): CheckToken {
  if (token === undefined) return () => undefined
  const expected = digest(token)
  return (authorization) => {
    const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? '')?.[1]
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return undefined
    return new Refusal(
      401,
      'ERR_LOCAL_TOKEN',
      given === undefined
        ? 'The token of this proxy is needed: Authorization: Bearer <token>, in most programs the API key.'
        : 'This is not the token of this proxy. Where a program asks for an API key, it takes the token ' +
            'nomyo-proxy shows at start or keeps in its --token-file; not the API key of the gateway.',
      { 'www-authenticate': 'Bearer' },
    )
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
