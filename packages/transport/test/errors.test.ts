import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as source from '../src/errors.js'

type Errors = typeof source

const require = createRequire(import.meta.url)
/** Every copy of the classes a program may come to hold at once. */
const copies: Readonly<Record<string, Errors>> = {
  source,
  index: (await import(new URL('../dist/index.js', import.meta.url).href)) as Errors,
  errors: (await import(new URL('../dist/errors.js', import.meta.url).href)) as Errors,
  'required index': require('../dist/index.js') as Errors,
  'required errors': require('../dist/errors.js') as Errors,
}

const SUBCLASSES = [
  'InvalidRequestError',
  'AuthenticationError',
  'ForbiddenError',
  'RateLimitError',
  'ServerError',
  'ServiceUnavailableError',
] as const
const API_CLASSES = ['APIError', ...SUBCLASSES] as const
const facts = { statusCode: 429, errorDetails: { a: 1 }, payloadId: 'id', retryAfterMs: 5 }

const pairs = Object.keys(copies).flatMap((made) =>
  Object.keys(copies).map((asked) => [made, asked] as const),
)

describe.each(pairs)('an error of the %s copy, asked of the %s copy', (madeBy, askedOf) => {
  const made = copies[madeBy]!
  const asked = copies[askedOf]!

  it.each(API_CLASSES)('is of its own class and of APIError: %s', (name) => {
    const error = new made[name]('ERR_SERVER', 'text')
    expect(error).toBeInstanceOf(Error)
    expect(error instanceof asked.APIError).toBe(true)
    for (const other of SUBCLASSES) {
      expect(error instanceof asked[other], other).toBe(other === name)
    }
    expect(error instanceof asked.APIConnectionError).toBe(false)
  })

  it('is an APIConnectionError and nothing else', () => {
    const error = new made.APIConnectionError('ERR_NETWORK', 'text')
    expect(error).toBeInstanceOf(Error)
    expect(error instanceof asked.APIConnectionError).toBe(true)
    for (const name of API_CLASSES) expect(error instanceof asked[name], name).toBe(false)
  })

  it('keeps its classes when a user derives from them', () => {
    class Derived extends made.RateLimitError {}
    const error = new Derived('ERR_RATE_LIMIT', 'text')
    expect(error).toBeInstanceOf(Derived)
    expect(error instanceof asked.RateLimitError).toBe(true)
    expect(error instanceof asked.APIError).toBe(true)
    expect(error instanceof asked.ServerError).toBe(false)
    expect(new asked.RateLimitError('ERR_RATE_LIMIT', 'text') instanceof Derived).toBe(false)
  })
})

it('comes from copies that are not the same', () => {
  const [first, ...others] = ['source', 'index', 'required index'].map((name) => copies[name])
  for (const other of others) expect(other?.APIError).not.toBe(first?.APIError)
})

it.each([
  undefined,
  null,
  7,
  'APIError',
  {},
  [],
  new Error('plain'),
  new TypeError('plain'),
  Object.assign(new Error('alike'), { name: 'APIError', code: 'ERR_SERVER', statusCode: 500 }),
  Object.create(null),
])('is no error of this package: %s', (value) => {
  expect(value instanceof source.APIError).toBe(false)
  expect(value instanceof source.ServerError).toBe(false)
  expect(value instanceof source.APIConnectionError).toBe(false)
})

describe('a class derived by a user', () => {
  it('may have a name of its own', () => {
    class Named extends source.ServerError {
      override get name(): string {
        return 'Named'
      }
    }
    const error = new Named('ERR_SERVER', 'text')
    expect(error).toBeInstanceOf(Named)
    expect(error).toBeInstanceOf(source.ServerError)
    expect(error).toBeInstanceOf(source.APIError)
    expect(new source.ServerError('ERR_SERVER', 'text')).not.toBeInstanceOf(Named)
  })
})

const members = (error: Error): Record<string, unknown> => Object.fromEntries(Object.entries(error))

describe('the members of an error', () => {
  it('are those given', () => {
    const error = new source.RateLimitError('ERR_RATE_LIMIT', 'text', facts)
    expect(error.message).toBe('text')
    expect(error.name).toBe('RateLimitError')
    expect(members(error)).toEqual({ code: 'ERR_RATE_LIMIT', ...facts })
    expect(error.stack?.split('\n')[0]).toBe('RateLimitError: text')
  })

  it('are omitted where they are unknown', () => {
    for (const error of [
      new source.APIError('ERR_NOT_FOUND', 'text'),
      new source.APIError('ERR_NOT_FOUND', 'text', {
        statusCode: undefined,
        errorDetails: undefined,
        payloadId: undefined,
        retryAfterMs: undefined,
      }),
    ]) {
      expect(members(error)).toEqual({ code: 'ERR_NOT_FOUND' })
      expect('statusCode' in error).toBe(false)
    }
    expect(members(new source.APIConnectionError('ERR_TIMEOUT', 'text'))).toEqual({
      code: 'ERR_TIMEOUT',
    })
  })

  it('tell an authenticated refusal from the word of any party', () => {
    const facts = { authenticated: true }
    expect(new source.RateLimitError('ERR_RATE_LIMIT', 'text', facts).authenticated).toBe(true)
    expect(new source.RateLimitError('ERR_RATE_LIMIT', 'text').authenticated).toBe(false)
  })

  it('keep falsy values', () => {
    const said = { errorDetails: null, retryAfterMs: 0, payloadId: '' }
    expect(members(new source.APIError('ERR_NOT_FOUND', 'text', said))).toEqual({
      code: 'ERR_NOT_FOUND',
      ...said,
    })
  })

  it('are all that JSON and the console show', () => {
    const error = new source.RateLimitError('ERR_RATE_LIMIT', 'text', facts)
    expect(JSON.parse(JSON.stringify(error))).toEqual({ code: 'ERR_RATE_LIMIT', ...facts })
    const shown = inspect(error).replace(error.stack ?? '', '')
    expect(shown.match(/\w+(?=:)/g)).toEqual([
      'statusCode',
      'errorDetails',
      'a',
      'payloadId',
      'retryAfterMs',
      'code',
    ])
    expect(inspect(new source.APIConnectionError('ERR_NETWORK', 'text'))).not.toMatch(/classNames/)
  })

  it('include a payload id that becomes known later', () => {
    const error = new source.APIConnectionError('ERR_NETWORK', 'text')
    error.payloadId ??= 'id'
    expect(error).toMatchObject({ payloadId: 'id' })
  })
})
