import { describe, expect, it, vi } from 'vitest'
import { SecurityError } from '../src/errors.js'

class OwnError extends SecurityError {}

describe('a SecurityError', () => {
  const error = new SecurityError('ERR_KEY_WEAK', 'text')

  it('is an Error with a code and a name', () => {
    expect(error).toBeInstanceOf(Error)
    expect([error.name, error.code, error.message]).toEqual([
      'SecurityError',
      'ERR_KEY_WEAK',
      'text',
    ])
    expect(error.stack).toMatch(/^SecurityError: text\n/)
  })

  it('has no further members of its own', () => {
    expect(Object.keys(error)).toEqual(['code'])
    expect('payloadId' in error || 'statusCode' in error || 'errorDetails' in error).toBe(false)
    expect(error.cause).toBeUndefined()
  })
})

describe('instanceof SecurityError', () => {
  it('holds between two copies of the module', async () => {
    vi.resetModules()
    const { SecurityError: OtherCopy } = await import('../src/errors.js')
    expect(OtherCopy).not.toBe(SecurityError)
    expect(new OtherCopy('ERR_KEY_WEAK', 'text') instanceof SecurityError).toBe(true)
    expect(new SecurityError('ERR_KEY_WEAK', 'text') instanceof OtherCopy).toBe(true)
  })

  it('holds for what is derived from it, and not the other way round', () => {
    const own = new OwnError('ERR_KEY_WEAK', 'text')
    expect([own instanceof SecurityError, own instanceof OwnError]).toEqual([true, true])
    expect(new SecurityError('ERR_KEY_WEAK', 'text') instanceof OwnError).toBe(false)
  })

  it.each([
    ['another error', new Error('text')],
    ['another error of that name', Object.assign(new Error('text'), { name: 'SecurityError' })],
    ['an error with such a code', Object.assign(new Error('text'), { code: 'ERR_KEY_WEAK' })],
    ['an object', {}],
    ['null', null],
    ['undefined', undefined],
    ['a text', 'SecurityError'],
    ['a function', () => undefined],
  ])('does not hold for %s', (_, value: unknown) => {
    expect(value instanceof SecurityError).toBe(false)
  })
})
