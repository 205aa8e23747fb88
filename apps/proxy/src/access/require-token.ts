import { createHash, timingSafeEqual } from 'node:crypto'
import type { onRequestHookHandler } from 'fastify'
import { Refusal } from '../openai-error.js'

/** Places of a token beside `Authorization: Bearer`. */
export interface TokenPlaces {
  /** Takes it as the password of a page that a browser shows. Default false. */
  readonly asPassword?: boolean
}

/**
 * Creates a hook that requires the token: as a bearer, or in the headers of Anthropic's and Azure's SDKs.
 * Without a token it lets every request pass. Digests are compared in constant time: the time of a refusal
 * tells nothing about how much of a token is right.
 */
export function requireToken(
  token: string | undefined,
  { asPassword = false }: TokenPlaces = {},
): onRequestHookHandler {
  const expected = token === undefined ? undefined : digest(token)
  return ({ headers }, _reply, done) => {
    const given = [
      /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '')?.[1],
      headers['x-api-key'],
      headers['api-key'],
      asPassword ? passwordIn(headers.authorization ?? '') : undefined,
    ].filter((value) => typeof value === 'string')
    const isRight =
      expected === undefined || given.some((value) => timingSafeEqual(digest(value), expected))
    done(isRight ? undefined : refuse(given.length > 0, asPassword))
  }
}

/** Returns the password of HTTP's basic scheme; the name of the user does not matter. */
function passwordIn(authorization: string): string | undefined {
  const credentials = /^Basic +([\w+/]+=*) *$/i.exec(authorization)?.[1]
  if (credentials === undefined) return undefined
  return /:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString())?.[1]
}

const refuse = (isGiven: boolean, asPassword: boolean): Refusal =>
  new Refusal(
    401,
    'ERR_LOCAL_TOKEN',
    isGiven
      ? 'This is not the token of this proxy. Where a program asks for an API key, enter the token that ' +
          'nomyo-proxy shows at start or keeps in its --token-file; not the API key of the gateway.'
      : 'The token of this proxy is required: Authorization: Bearer <token>, in most programs the API key.',
    { 'www-authenticate': asPassword ? 'Basic realm="nomyo-proxy", charset="UTF-8"' : 'Bearer' },
  )

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
