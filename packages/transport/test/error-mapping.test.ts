import { statusVectors, type StatusVector } from '@nomyo-internal/testing/vectors'
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { startDeadline } from '../src/deadline.js'
import { errorFromResponse } from '../src/error-mapping.js'
import * as errors from '../src/errors.js'
import { retryDelayMs } from '../src/retry.js'
import {
  closed,
  expectConnectionError,
  send,
  startRawServer,
  startServer,
  answerForEver,
} from './support.js'

type ErrorClass = Exclude<keyof typeof errors, 'APIConnectionError'>

/** From the general to the particular: an error is an instance of its own class and those above. */
const PARENTS: Readonly<Record<ErrorClass, readonly ErrorClass[]>> = {
  APIError: ['APIError'],
  InvalidRequestError: ['APIError', 'InvalidRequestError'],
  AuthenticationError: ['APIError', 'AuthenticationError'],
  ForbiddenError: ['APIError', 'ForbiddenError'],
  RateLimitError: ['APIError', 'RateLimitError'],
  ServerError: ['APIError', 'ServerError'],
  ServiceUnavailableError: ['APIError', 'ServiceUnavailableError'],
}

const CODES: Readonly<Record<number, string>> = {
  400: 'ERR_BAD_REQUEST',
  401: 'ERR_AUTHENTICATION',
  403: 'ERR_FORBIDDEN',
  404: 'ERR_NOT_FOUND',
  429: 'ERR_RATE_LIMIT',
  500: 'ERR_SERVER',
  502: 'ERR_SERVER',
  503: 'ERR_UNAVAILABLE',
  504: 'ERR_SERVER',
}

/** The response of a server in a case, and its meaning to a client. */
interface Body {
  readonly bytes: Uint8Array | string
  readonly details: unknown
}

const json = (details: unknown): Body => ({ bytes: JSON.stringify(details), details })
const noJson = (bytes: Uint8Array | string): Body => ({ bytes, details: undefined })

const BODIES: Readonly<Record<string, Body>> = {
  detail: json({ detail: 'D-text' }),
  html: noJson('<html><body>502 Bad Gateway</body></html>'),
  nodetail: json({ error: 'x' }),
  list: json(['x']),
  detail_obj: json({ detail: [{ loc: ['body'], msg: 'm' }] }),
  detail_null: json({ detail: null }),
  jsonstring: json('just a text'),
  // JSON but for one byte that is no UTF-8.
  badutf8: noJson(Uint8Array.from(Buffer.from('{"detail":"\xff"}', 'latin1'))),
  redirect: noJson(''),
  retry_after: json({ detail: 'slow' }),
}

function bodyOf({ case: name, status }: StatusVector): Body {
  const body = BODIES[name.slice(name.indexOf('_') + 1)]
  if (body === undefined) throw new Error(`no body for the case ${name}`)
  // HTTP gives this status no body.
  return status === 204 ? noJson('') : body
}

async function errorOf(answer: (response: ServerResponse) => void): Promise<errors.APIError> {
  const server = await startServer(answer)
  return errorFromResponse(await send(server.url), 'the-payload-id')
}

const withBody = (status: number, body: string) => (response: ServerResponse) => {
  response.writeHead(status).end(body)
}

describe('the error for a status', () => {
  const vectors = statusVectors()

  it('is tried with all 43 recorded cases', () => {
    expect(vectors).toHaveLength(43)
  })

  it.each(vectors)('is the recommended one: $case', async (vector) => {
    const { bytes, details } = bodyOf(vector)
    const elsewhere = await startServer((response) => response.end())
    const error = await errorOf((response) => {
      response.writeHead(vector.status, {
        ...(vector.case.endsWith('redirect') ? { location: elsewhere.url } : {}),
        ...(vector.case.endsWith('retry_after') ? { 'retry-after': '7' } : {}),
      })
      response.end(bytes)
    })
    expect(error.name).toBe(vector.recommend.class)
    const classes = Object.keys(PARENTS).filter(
      (name) => error instanceof errors[name as ErrorClass],
    )
    expect(classes.sort()).toEqual([...PARENTS[vector.recommend.class as ErrorClass]].sort())
    expect(error.code).toBe(CODES[vector.status] ?? 'ERR_UNEXPECTED_STATUS')
    expect(error.statusCode).toBe(vector.status)
    expect(error.payloadId).toBe('the-payload-id')
    expect(error.errorDetails).toEqual(details)
    expect(retryDelayMs(error, 0) !== undefined).toBe(vector.recommend.retry)
    expect(error.retryAfterMs).toBe(vector.case.endsWith('retry_after') ? 7000 : undefined)
    expect(elsewhere.connections).toHaveLength(0)
  })

  it.each([100, 203, 205, 300, 301, 303, 304, 308, 402, 405, 408, 409, 410, 451, 505, 599])(
    'is an APIError that is not retried: %i',
    (status) => {
      const error = errorFromResponse({ status, header: () => undefined, body: new Uint8Array() })
      expect(error.name).toBe('APIError')
      expect(error).toMatchObject({ code: 'ERR_UNEXPECTED_STATUS', statusCode: status })
      expect(retryDelayMs(error, 0)).toBeUndefined()
    },
  )

  it('quotes the detail of the server', async () => {
    for (const status of [400, 401, 403, 404, 429, 500, 503, 418]) {
      const error = await errorOf(withBody(status, '{"detail":"D-text"}'))
      expect(error.message, String(status)).toContain('D-text')
    }
    const silent = await errorOf(withBody(401, '{"detail":null}'))
    expect(silent.message).not.toContain('null')
  })
})

describe('a refusal with an encrypted error', () => {
  const envelope = { version: '1.0', encrypted_payload: { ciphertext: 'AAAA' } }
  const response = (status: number) => ({
    status,
    header: () => undefined,
    body: new TextEncoder().encode(JSON.stringify({ detail: 'D-text', sealed_error: envelope })),
  })
  const sealedError = {
    status: 500,
    message: 'S-text\u001b[2J',
    type: null,
    param: null,
    code: 'context_length_exceeded',
  }

  it.each([400, 403, 429, 502, 503, 504])(
    'is read as before by a client that does not decrypt it: %i',
    (status) => {
      const error = errorFromResponse(response(status))
      expect(error).toMatchObject({ statusCode: status, code: CODES[status] })
      expect(error.message).toContain('D-text')
      expect(error.errorDetails).toEqual({ detail: 'D-text', sealed_error: envelope })
      expect(error).not.toHaveProperty('sealedError')
    },
  )

  it('has the words of the decrypted one, safe to print', () => {
    const error = errorFromResponse(response(502), 'the-payload-id', sealedError)
    expect(error.message).toContain('S-text')
    expect(error.message).not.toContain('D-text')
    expect(error.message).not.toMatch(/\p{Cc}/u)
    expect(error.sealedError).toBe(sealedError)
    expect(error.errorDetails).toEqual({ detail: 'D-text' })
  })

  it('is retried as far as the status inside permits', () => {
    const retried = (status: number, inner: number): boolean => {
      const error = errorFromResponse(response(status), 'id', { ...sealedError, status: inner })
      return retryDelayMs(error, 0) !== undefined
    }
    expect(retried(502, 500)).toBe(true)
    expect(retried(429, 429)).toBe(true)
    expect(retried(502, 402)).toBe(false)
    expect(retried(400, 500)).toBe(false)
  })
})

it('is authenticated only where the caller says that it decrypted the response', () => {
  const response = { status: 401, header: () => undefined, body: new Uint8Array() }
  expect(errorFromResponse(response).authenticated).toBe(false)
  const decrypted = errorFromResponse(response, 'id', undefined, { authenticated: true })
  expect(decrypted.authenticated).toBe(true)
})

describe('the error body of a hostile server', () => {
  it('brings no control characters into the message', async () => {
    const controls = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code))
      .filter((character) => /\p{Cc}/u.test(character))
      .join('a')
    for (const status of [400, 401, 403, 404, 429, 500, 503, 418]) {
      const text = `\u001b[2J\r\nforged line ${controls}`
      const error = await errorOf(withBody(status, JSON.stringify({ detail: text })))
      expect(error.message, String(status)).toContain('forged line')
      expect(error.message, String(status)).not.toMatch(/\p{Cc}/u)
      expect(error.errorDetails).toEqual({ detail: text })
    }
  })

  it('is quoted in part when it is long', async () => {
    const error = await errorOf(withBody(400, JSON.stringify({ detail: 'x'.repeat(60_000) })))
    expect(error.message.length).toBeLessThan(600)
    expect(error.errorDetails).toEqual({ detail: 'x'.repeat(60_000) })
  })

  it.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('may be nested %s without end', async (_what, open, close) => {
    const depth = Math.floor(60_000 / (open.length + close.length))
    const nested = `${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}`
    const error = await errorOf(withBody(429, `{"detail":${nested}}`))
    expect(error).toMatchObject({ code: 'ERR_RATE_LIMIT', statusCode: 429 })
    expect(error.message.length).toBeLessThan(600)
  })

  it('counts as empty beyond 64 KiB', async () => {
    const limit = 64 * 1024
    const sized = (size: number) => `{"detail":"${'x'.repeat(size - 13)}"}`
    const largest = await errorOf(withBody(503, sized(limit)))
    expect(largest.errorDetails).toEqual({ detail: 'x'.repeat(limit - 13) })
    const tooLarge = await errorOf(withBody(503, sized(limit + 1)))
    expect(tooLarge).toMatchObject({ code: 'ERR_UNAVAILABLE', statusCode: 503 })
    expect(tooLarge.errorDetails).toBeUndefined()
  })

  it('is not read on when it has no end', async () => {
    const server = await startRawServer((socket) => answerForEver(socket, '403 Forbidden'))
    const error = errorFromResponse(await send(server.url))
    expect(error).toMatchObject({ code: 'ERR_FORBIDDEN', statusCode: 403 })
    expect(error.errorDetails).toBeUndefined()
    await closed(server.connections[0])
  })

  it('counts as empty when it is truncated', async () => {
    const server = await startRawServer((socket) => {
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 100\r\n\r\n{"detail":"D')
    })
    const error = errorFromResponse(await send(server.url))
    expect(error).toMatchObject({ code: 'ERR_AUTHENTICATION', statusCode: 401 })
    expect(error.errorDetails).toBeUndefined()
  })

  it.each(['ERR_TIMEOUT', 'ERR_ABORTED'])('ends with the signal: %s', async (code) => {
    const caller = new AbortController()
    const server = await startRawServer((socket) => {
      socket.write('HTTP/1.1 401 Unauthorized\r\ncontent-length: 100\r\n\r\n{"detail":"D')
      if (code === 'ERR_ABORTED') setTimeout(() => caller.abort(), 50)
    })
    const { signal } = startDeadline(code === 'ERR_TIMEOUT' ? 150 : undefined, [caller.signal])
    await expectConnectionError(send(server.url, { signal }), code)
    await closed(server.connections[0])
  })
})
