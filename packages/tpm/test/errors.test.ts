import { describe, expect, it, vi } from 'vitest'
import { TpmError } from '../src/errors.js'

class OwnError extends TpmError {}

describe('a TpmError', () => {
  const error = new TpmError('ERR_TPM_BUSY', 'text')

  it('is an Error with a code and a name', () => {
    expect(error).toBeInstanceOf(Error)
    expect([error.name, error.code, error.message]).toEqual(['TpmError', 'ERR_TPM_BUSY', 'text'])
    expect(error.stack).toMatch(/^TpmError: text\n/)
  })

  it('has a response code only where one was given', () => {
    expect(Object.keys(error)).toEqual(['code'])
    expect('responseCode' in error).toBe(false)
    expect(new TpmError('ERR_TPM_COMMAND', 'text', 0x921).responseCode).toBe(0x921)
  })
})

describe('instanceof TpmError', () => {
  it('works between two copies of the module', async () => {
    vi.resetModules()
    const { TpmError: OtherCopy } = await import('../src/errors.js')
    expect(OtherCopy).not.toBe(TpmError)
    expect(new OtherCopy('ERR_TPM_BUSY', 'text') instanceof TpmError).toBe(true)
    expect(new TpmError('ERR_TPM_BUSY', 'text') instanceof OtherCopy).toBe(true)
  })

  it('holds for derived classes, and not vice versa', () => {
    const own = new OwnError('ERR_TPM_BUSY', 'text')
    expect([own instanceof TpmError, own instanceof OwnError]).toEqual([true, true])
    expect(new TpmError('ERR_TPM_BUSY', 'text') instanceof OwnError).toBe(false)
  })

  it.each([
    ['another error', new Error('text')],
    ['another error of that name', Object.assign(new Error('text'), { name: 'TpmError' })],
    ['an error with such a code', Object.assign(new Error('text'), { code: 'ERR_TPM_BUSY' })],
    ['an object', {}],
    ['null', null],
    ['undefined', undefined],
    ['a text', 'TpmError'],
    ['a function', () => undefined],
  ])('does not hold for %s', (_, value: unknown) => {
    expect(value instanceof TpmError).toBe(false)
  })
})
