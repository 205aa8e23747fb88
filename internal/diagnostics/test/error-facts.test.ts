import { describe, expect, it } from 'vitest'
import { errnoCode, errorFacts, formatErrorFacts, withTimeout } from '../src/index.js'

class CodedError extends TypeError {
  readonly code = 'ERR_CODED'
  override readonly name = 'CodedError'
}

const SECRET = 'a secret\n    at secret.place (and:more)'

describe('facts of an error', () => {
  it('are its class, code and frames, without its message', () => {
    const { type, code, stack } = errorFacts(new CodedError(SECRET))
    expect({ type, code }).toEqual({ type: 'CodedError', code: 'ERR_CODED' })
    expect(stack).toMatch(/^ {4}at .*error-facts\.test\.ts/)
    for (const facts of [stack, formatErrorFacts(new CodedError(SECRET))]) {
      expect(facts).not.toContain('secret')
    }
  })

  it.each([
    [new CodedError(SECRET), 'ERR_CODED', /^CodedError ERR_CODED\n/],
    [new RangeError(SECRET), 'RangeError', /^RangeError\n/],
    [SECRET, 'unknown reason', /^string$/],
    [undefined, 'unknown reason', /^undefined$/],
  ])('exist for every thrown value', (thrown, code, text) => {
    expect(errnoCode(thrown)).toBe(code)
    expect(formatErrorFacts(thrown)).toMatch(text)
  })
})

describe('withTimeout', () => {
  const late = (): Error => new CodedError('too late')

  it('settles as the promise does', async () => {
    expect(await withTimeout(Promise.resolve(1), 60_000, late)).toBe(1)
    await expect(withTimeout(Promise.reject(new RangeError()), 60_000, late)).rejects.toThrow(
      RangeError,
    )
  })

  it('rejects when the promise takes longer', async () => {
    await expect(withTimeout(new Promise(() => undefined), 1, late)).rejects.toThrow(CodedError)
  })
})
