import { createHash, timingSafeEqual } from 'node:crypto'
import type { onRequestHookHandler } from 'fastify'
import { Refusal } from '../openai-error.js'

/**
 * Creates a hook that requires the bearer token; without a token it lets every request pass. Digests
 * are compared in constant time: the time of a refusal tells nothing about how much of a token is right.
 */
export function requireToken(token: string | undefined): onRequestHookHandler {
  const expected = token === undefined ? undefined : digest(token)
  return (request, _reply, done) => {
    const { authorization = '' } = request.headers
    const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1]
    const isRight =
      expected === undefined || (given !== undefined && timingSafeEqual(digest(given), expected))
    done(isRight ? undefined : refuse(given))
  }
}

const refuse = (given: string | undefined): Refusal =>
  new Refusal(
    401,
    'ERR_LOCAL_TOKEN',
    given === undefined
      ? 'The token of this proxy is required: Authorization: Bearer <token>, in most programs the API key.'
      : 'This is not the token of this proxy. Where a program asks for an API key, enter the token that ' +
          'nomyo-proxy shows at start or keeps in its --token-file; not the API key of the gateway.',
    { 'www-authenticate': 'Bearer' },
  )

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
