import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  APIError,
  InvalidRequestError,
  RateLimitError,
  ServerError,
  ServiceUnavailableError,
} from '../src/index.js'
import { failureOf } from './hostile/support.js'
import { hello, newClient, sealFor, startTestServer, testKey, type Seen } from './support.js'

const ERROR = {
  status: 400,
  message: "This model's maximum context length is 8 tokens.",
  type: 'invalid_request_error',
  param: 'messages',
  code: 'context_length_exceeded',
}

const metadataOf = (seen: Seen): Record<string, unknown> => ({
  payload_id: seen.headers['x-payload-id'],
  response_status: 'error',
})

/** Encrypts an error as the gateway does, and parses the envelope. */
async function seal(seen: Seen, content: object): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await sealFor(seen, content)))
}

type SealedErrorOf = (seen: Seen) => unknown

/** Starts a server that refuses with a fixed text and this member, and asks it. */
async function refusalOf(
  status: number,
  sealedErrorOf: SealedErrorOf,
  { headers = {}, maxRetries = 0 }: { headers?: Record<string, string>; maxRetries?: number } = {},
) {
  const server = await startTestServer()
  server.answer = async (seen, response) => {
    const body = { detail: 'a fixed text', sealed_error: await sealedErrorOf(seen) }
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }
  const client = newClient(server)
  const error = (await failureOf(client.create(hello, { maxRetries }))) as APIError
  return { server, client, error }
}

const sealedAs =
  (error: object, metadata: Record<string, unknown> = {}): SealedErrorOf =>
  (seen) =>
    seal(seen, { error, _metadata: { ...metadataOf(seen), ...metadata } })

describe('an encrypted error', () => {
  it.each([
    [400, 400, InvalidRequestError],
    [400, 404, InvalidRequestError],
    [429, 429, RateLimitError],
    [502, 500, ServerError],
    [503, 503, ServiceUnavailableError],
  ])('of %i with %i inside has the class of the outer status', async (outer, inner, errorClass) => {
    const { error, server } = await refusalOf(outer, sealedAs({ ...ERROR, status: inner }))
    expect(error).toBeInstanceOf(errorClass)
    expect(error.statusCode).toBe(outer)
    expect(error.sealedError).toEqual({ ...ERROR, status: inner })
    expect(error.message).toContain(ERROR.message)
    expect(error.message).not.toContain('a fixed text')
    expect(error.payloadId).toBe(server.completions[0]?.headers['x-payload-id'])
    expect(error.errorDetails).toEqual({ detail: 'a fixed text' })
  })

  it('keeps the code of its class, so that programs written before go on', async () => {
    const { error } = await refusalOf(400, sealedAs(ERROR))
    expect(error.code).toBe('ERR_BAD_REQUEST')
  })

  it('has null for members that are missing or no text', async () => {
    const { error } = await refusalOf(
      502,
      sealedAs({ status: 500, message: 'm', param: ['x'], code: 7 }),
    )
    const nulls = { type: null, param: null, code: null }
    expect(error.sealedError).toEqual({ status: 500, message: 'm', ...nulls })
  })

  it('brings no control characters into the message, and keeps them inside', async () => {
    const message = 'red \u001b[31m\r\nforged line \u202e'
    const { error } = await refusalOf(400, sealedAs({ ...ERROR, message }))
    expect(error.message).not.toMatch(/\p{Cc}|\p{Cf}/u)
    expect(error.sealedError?.message).toBe(message)
    expect(inspect(error)).not.toContain('\u001b[31m')
  })

  it('does not make the client fetch the server key again: the gateway could decrypt', async () => {
    const { server } = await refusalOf(400, sealedAs(ERROR))
    expect(server.keyFetches).toHaveLength(1)
    const plain = await refusalOf(400, () => undefined)
    expect(plain.server.keyFetches).toHaveLength(2)
  })

  it('is retried when both statuses say that this may help', async () => {
    const retries = async (outer: number, inner: number) => {
      const options = { headers: { 'retry-after-ms': '1' }, maxRetries: 1 }
      const refused = await refusalOf(outer, sealedAs({ ...ERROR, status: inner }), options)
      return refused.server.completions.length - 1
    }
    expect(await retries(429, 429)).toBe(1)
    expect(await retries(502, 500)).toBe(1)
    expect(await retries(502, 402)).toBe(0)
    expect(await retries(400, 503)).toBe(0)
  })

  it('that arrives as a success is an error all the same', async () => {
    const server = await startTestServer()
    server.answer = async (seen, response) => {
      response.end(await sealFor(seen, { error: ERROR, _metadata: metadataOf(seen) }))
    }
    const error = (await failureOf(newClient(server).create(hello))) as APIError
    expect(error).toBeInstanceOf(InvalidRequestError)
    expect(error).toMatchObject({ statusCode: 400, sealedError: ERROR })
  })
})

describe('an encrypted error that cannot be verified', () => {
  const other = async (seen: Seen) => {
    const headers = { 'x-public-key': encodeURIComponent((await testKey('other')).publicKey.pem) }
    return seal({ ...seen, headers }, { error: ERROR, _metadata: metadataOf(seen) })
  }

  it.each<readonly [string, SealedErrorOf]>([
    ['nothing', () => undefined],
    ['null', () => null],
    ['plaintext', () => ERROR],
    ['plaintext in the shape of one', () => ({ error: ERROR, _metadata: {} })],
    ['a text', () => 'x'],
    ['an empty object', () => ({})],
    ['an envelope for another key', other],
    ['one for another request', sealedAs(ERROR, { payload_id: randomUUID() })],
    ['one that names no request', sealedAs(ERROR, { payload_id: undefined })],
    ['a success', (seen) => seal(seen, { choices: [], _metadata: {} })],
    ['one that says it is a success', sealedAs(ERROR, { response_status: 'success' })],
    ['no error inside', (seen) => seal(seen, { _metadata: metadataOf(seen) })],
    ['no message inside', sealedAs({ status: 400 })],
    ['no status inside', sealedAs({ message: 'm' })],
    ['a status of success inside', sealedAs({ status: 200, message: 'm' })],
    ['a status of no sense inside', sealedAs({ status: 1e9, message: 'm' })],
  ])('leaves the plaintext, marked as such: %s', async (_what, sealedErrorOf) => {
    const { error } = await refusalOf(429, sealedErrorOf)
    expect(error).toBeInstanceOf(RateLimitError)
    expect(error.statusCode).toBe(429)
    expect(error).not.toHaveProperty('sealedError')
    expect(error.message).toContain('a fixed text')
    expect(error.message).not.toContain(ERROR.message)
  })

  it('leaves the plaintext when one bit of it was changed', async () => {
    const { error } = await refusalOf(400, async (seen) => {
      const content = { error: ERROR, _metadata: metadataOf(seen) }
      const text = JSON.stringify(await seal(seen, content))
      const [before = '', first] = /"ciphertext":\s*"(.)/.exec(text) ?? []
      return JSON.parse(text.replace(before, `${before.slice(0, -1)}${first === 'A' ? 'B' : 'A'}`))
    })
    expect(error).not.toHaveProperty('sealedError')
    expect(error.statusCode).toBe(400)
  })

  it('leaves the plaintext when it repeats an earlier one', async () => {
    let first: unknown
    const server = await startTestServer()
    server.answer = async (seen, response) => {
      first ??= await seal(seen, { error: ERROR, _metadata: metadataOf(seen) })
      response.writeHead(403).end(JSON.stringify({ detail: 'x', sealed_error: first }))
    }
    const client = newClient(server)
    const errors = [await failureOf(client.create(hello)), await failureOf(client.create(hello))]
    expect(errors[0]).toMatchObject({ statusCode: 403, sealedError: ERROR })
    expect(errors[1]).not.toHaveProperty('sealedError')
  })

  it('leaves the plaintext when it is nested without end', async () => {
    const server = await startTestServer()
    server.answer = (_seen, response) => {
      const nested = `${'['.repeat(30_000)}${']'.repeat(30_000)}`
      response.writeHead(503).end(`{"detail":"a fixed text","sealed_error":${nested}}`)
    }
    const error = await failureOf(newClient(server).create(hello, { maxRetries: 0 }))
    expect(error).toMatchObject({ statusCode: 503 })
    expect(error).not.toHaveProperty('sealedError')
  })

  it('leaves the plaintext when it is larger than any error', async () => {
    const message = 'x'.repeat(60 * 1024)
    const { error } = await refusalOf(400, sealedAs({ ...ERROR, message }))
    expect(error.statusCode).toBe(400)
    expect(error).not.toHaveProperty('sealedError')
  })
})

it('an answer without choices is no completion', async () => {
  const server = await startTestServer()
  for (const answer of [{ error: { message: 'x' } }, {}, { choices: 'x' }]) {
    server.answer = async (seen, response) => void response.end(await sealFor(seen, answer))
    const error = await failureOf(newClient(server).create(hello))
    expect(error).toMatchObject({ name: 'SecurityError', code: 'ERR_PLAINTEXT_INVALID' })
  }
})
