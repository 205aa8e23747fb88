import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { faults, type SealedFault, type SealedResponse, type TestGateway } from '@nomyo/testkit'
import { describe, expect, it } from 'vitest'
import {
  APIConnectionError,
  APIError,
  AuthenticationError,
  ForbiddenError,
  InvalidRequestError,
  RateLimitError,
  SecurityError,
  ServerError,
  ServiceUnavailableError,
} from '../../src/index.js'
import { connect, failureOf, hello, newClient, newGateway } from './support.js'

const atOnce = { retryAfterMs: 0 }

/** The paths asked, of a fetch that a client uses. */
function recording(url: string) {
  const paths: string[] = []
  const send: typeof fetch = (input, init) => {
    paths.push(new URL(input as string).pathname)
    return fetch(input, init)
  }
  return { paths, client: (options = {}) => newClient({ url }, { fetch: send, ...options }) }
}

/** Answers with a response that is encrypted. */
const sealed = (content: SealedResponse): SealedFault => ({
  name: 'sealed',
  appliesTo: 'wire-2',
  answer: async ({ response, seal }) => {
    const pieces = await seal(content)
    response.writeHead(200, { 'content-type': MEDIA_TYPES.answer }).end(Buffer.concat(pieces))
  },
})

const EXCHANGE = '/.well-known/ohttp-gateway'
const STATEMENT = '/pki/wire2'

describe('a refusal of the gateway', () => {
  it.each([
    [400, InvalidRequestError, 'ERR_BAD_REQUEST'],
    [401, AuthenticationError, 'ERR_AUTHENTICATION'],
    [403, ForbiddenError, 'ERR_FORBIDDEN'],
    [404, APIError, 'ERR_NOT_FOUND'],
    [409, APIError, 'ERR_UNEXPECTED_STATUS'],
    [429, RateLimitError, 'ERR_RATE_LIMIT'],
    [500, ServerError, 'ERR_SERVER'],
    [503, ServiceUnavailableError, 'ERR_UNAVAILABLE'],
  ])('inside the encryption is authenticated: %i', async (status, type, code) => {
    const { client, gateway } = await connect()
    gateway.next(faults.sealedStatus(status, 'because'))
    const error = await failureOf(client.create(hello))
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({ statusCode: status, code, authenticated: true })
    expect((error as Error).message).toContain('because')
    expect((error as APIError).payloadId).toBe(
      gateway.requests[0]?.sealedHeaders['idempotency-key'],
    )
  })

  it.each([400, 401, 403, 404, 405, 413, 415, 429, 502, 503])(
    'outside of it is the word of any party, and changes no trust: %i',
    async (status) => {
      const { client, gateway } = await connect()
      gateway.next(faults.status(status))
      expect(await failureOf(client.create(hello))).toMatchObject({
        statusCode: status,
        authenticated: false,
      })
      await client.create(hello)
      expect(gateway.requests.map(({ wire }) => wire)).toEqual([2, 2])
    },
  )

  it('has the error of the model server, which travelled inside', async () => {
    const { client, gateway } = await connect()
    gateway.next(
      sealed({
        status: 400,
        content: {
          detail: 'refused',
          error: { status: 400, message: 'too long', type: 't', param: 'p', code: 'c' },
        },
      }),
    )
    const error = (await failureOf(client.create(hello))) as APIError
    expect(error).toMatchObject({ authenticated: true, sealedError: { code: 'c', param: 'p' } })
    expect(error.message).toContain('too long')
    // Its words are nowhere else.
    expect(error.errorDetails).toEqual({ detail: 'refused' })
  })
})

describe('retries', () => {
  it.each([
    ['outer 429', faults.status(429, atOnce), 2],
    ['outer 503', faults.status(503, atOnce), 2],
    ['outer 500', faults.status(500, atOnce), 1],
    ['outer 502', faults.status(502, atOnce), 1],
    ['outer 504', faults.status(504, atOnce), 1],
    ['outer 400', faults.status(400), 1],
    ['inner 401', faults.sealedStatus(401), 1],
    ['inner 409', faults.sealedStatus(409), 1],
    ['inner 500', faults.sealedStatus(500), 1],
    ['inner 504', faults.sealedStatus(504), 1],
    ['an altered answer', faults.altered(), 1],
    ['an answer that was cut off after its first content', faults.withoutEnd(), 1],
  ])('of %s: %#', async (_what, fault, attempts) => {
    const { client, gateway } = await connect({ maxRetries: 1 })
    gateway.always(fault)
    await failureOf(client.create(hello))
    expect(gateway.requests).toHaveLength(attempts)
  })

  it('of inner 429 and 503 wait as the gateway says, inside', async () => {
    for (const status of [429, 503]) {
      const { client, gateway } = await connect({ maxRetries: 1 })
      gateway.next(sealed({ status, fields: { 'retry-after': '0' }, content: { detail: 'later' } }))
      await client.create(hello)
      expect(gateway.requests).toHaveLength(2)
    }
  })

  it.each([
    ['before an answer', 0],
    ['before the first content', 40],
  ])('of a connection that is lost %s are made', async (_when, bytes) => {
    const { client, gateway } = await connect({ maxRetries: 1 })
    gateway.next({
      name: 'lost',
      appliesTo: 'any',
      answer: async ({ response, normalBody }) => {
        const body = await normalBody()
        if (bytes > 0) {
          response.writeHead(200, { 'content-type': 'message/ohttp-chunked-res' })
          response.write(body.subarray(0, bytes))
        }
        setTimeout(() => response.destroy(), 20)
      },
    })
    await client.create(hello)
    expect(gateway.requests).toHaveLength(2)
  })
})

describe('request keys that the gateway no longer has', () => {
  it('are fetched anew once, and the request is encrypted again', async () => {
    const gateway = await newGateway()
    const { paths, client } = recording(gateway.url)
    const one = client()
    await one.create(hello)
    await gateway.rotateRequestKey()
    paths.length = 0
    await one.create(hello)
    expect(paths).toEqual([EXCHANGE, STATEMENT, EXCHANGE])
    await one.create(hello)
    expect(paths).toHaveLength(4)
  })

  it('are not asked for twice, and the same statement is a reason for nothing', async () => {
    const gateway = await newGateway()
    const { paths, client } = recording(gateway.url)
    gateway.always(faults.unknownRequestKey())
    const error = await failureOf(client({ maxRetries: 2 }).create(hello))
    expect(error).toMatchObject({ statusCode: 400, authenticated: false })
    expect(paths).toEqual([STATEMENT, EXCHANGE, STATEMENT])
  })

  it('after a new statement are asked for once in a call', async () => {
    const gateway = await newGateway()
    const { paths, client } = recording(gateway.url)
    const one = client()
    await one.create(hello)
    await gateway.rotateRequestKey()
    gateway.always(faults.unknownRequestKey())
    paths.length = 0
    await failureOf(one.create(hello))
    expect(paths).toEqual([EXCHANGE, STATEMENT, EXCHANGE])
  })

  it('are no reason for wire 1, whatever the statement says next', async () => {
    const gateway = await newGateway()
    const client = newClient(gateway)
    await client.create(hello)
    gateway.always(faults.unknownRequestKey())
    gateway.statementFetch(faults.status(404))
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_WIRE_DOWNGRADE' })
    gateway.statementFetch(faults.otherIdentity())
    await failureOf(client.create(hello))
    gateway.statementFetch(faults.status(503))
    expect(await failureOf(client.create(hello))).toBeInstanceOf(APIError)
    expect(gateway.requests.map(({ wire }) => wire)).not.toContain(1)
  })

  it('are not trusted inside the encryption', async () => {
    const gateway = await newGateway()
    const { paths, client } = recording(gateway.url)
    gateway.always(
      sealed({
        status: 400,
        content: { type: 'https://iana.org/assignments/http-problem-types#ohttp-key' },
      }),
    )
    await failureOf(client().create(hello))
    expect(paths).toEqual([STATEMENT, EXCHANGE])
  })
})

describe('a clock that is off', () => {
  const dateOf = (gateway: TestGateway, at: number): number =>
    Date.parse(gateway.requests[at]?.sealedHeaders['date'] ?? '')

  it.each([3600, -86_400])('by %i s is corrected once, for this call only', async (seconds) => {
    const { client, gateway } = await connect()
    gateway.next(faults.otherClock({ seconds }))
    await client.create(hello)
    const difference = (dateOf(gateway, 1) - dateOf(gateway, 0)) / 1000
    expect(Math.abs(difference - seconds)).toBeLessThan(30)
    await client.create(hello)
    expect(Math.abs(dateOf(gateway, 2) - Date.now())).toBeLessThan(30_000)
    const keys = gateway.requests.map(({ sealedHeaders }) => sealedHeaders['idempotency-key'])
    expect(keys[1]).toBe(keys[0])
  })

  it('is not corrected twice, not without a date, and never by the word of any party', async () => {
    const { client, gateway } = await connect()
    gateway.always(faults.otherClock({ seconds: 3600 }))
    expect(await failureOf(client.create(hello))).toMatchObject({
      statusCode: 400,
      authenticated: true,
    })
    expect(gateway.requests).toHaveLength(2)
    const type = 'https://iana.org/assignments/http-problem-types#date'
    gateway.clear()
    gateway.always({
      name: 'outer date',
      appliesTo: 'any',
      answer: ({ response }) => {
        response.writeHead(400, { 'content-type': 'application/problem+json' })
        response.end(JSON.stringify({ type }))
      },
    })
    await failureOf(client.create(hello))
    expect(gateway.requests).toHaveLength(1)
    gateway.clear()
    gateway.always(sealed({ status: 400, fields: { date: 'soon' }, content: { type } }))
    await failureOf(client.create(hello))
    expect(gateway.requests).toHaveLength(1)
  })
})

describe('an answer that is not one of the gateway', () => {
  it.each([
    ['no content type', {}],
    ['another content type', { 'content-type': 'application/json' }],
    ['a parameter', { 'content-type': 'message/ohttp-chunked-res; charset=utf-8' }],
  ])('is refused with %s', async (_what, headers) => {
    const { client, gateway } = await connect({ maxRetries: 2 })
    gateway.always({
      name: 'plain',
      appliesTo: 'any',
      answer: async ({ response, normalBody }) => {
        const body = await normalBody()
        response.removeHeader('content-type')
        response.writeHead(200, headers as Record<string, string>).end(body)
      },
    })
    const error = await failureOf(client.create(hello))
    expect(error).toBeInstanceOf(SecurityError)
    expect(gateway.requests).toHaveLength(1)
  })

  it('is refused where it answered another request', async () => {
    const { client, gateway } = await connect()
    let first: Uint8Array | undefined
    gateway.always({
      name: 'replayed',
      appliesTo: 'any',
      answer: async ({ response, normalBody }) => {
        first ??= await normalBody()
        response.writeHead(200, { 'content-type': 'message/ohttp-chunked-res' }).end(first)
      },
    })
    await client.create(hello)
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_DECRYPTION_FAILED' })
  })

  it('is ERR_TRUNCATED without its end, whether or not the connection ended well', async () => {
    const { client, gateway } = await connect()
    gateway.next(faults.withoutEnd())
    const error = await failureOf(client.create(hello))
    expect(error).toBeInstanceOf(APIConnectionError)
    expect(error).toMatchObject({ code: 'ERR_TRUNCATED' })
    gateway.next({
      name: 'broken',
      appliesTo: 'any',
      answer: async ({ response, normalBody }) => {
        response.writeHead(200, { 'content-type': 'message/ohttp-chunked-res' })
        const body = await normalBody()
        response.write(body.subarray(0, body.length - 1), () => {
          setTimeout(() => response.destroy(), 20)
        })
      },
    })
    expect(await failureOf(client.create(hello))).toMatchObject({ code: 'ERR_TRUNCATED' })
  })
})

it('holds back requests after a 503 that names no time', async () => {
  const lines: string[] = []
  const { client, gateway } = await connect({
    pace: { perSecond: 1000 },
    logger: { warn: (line) => lines.push(line) },
  })
  gateway.next(faults.status(503))
  await failureOf(client.create(hello))
  expect(lines.filter((line) => line.includes('held'))).toHaveLength(1)
})
