import { APIError, InvalidRequestError } from '@nomyo/client'
import { describe, expect, it } from 'vitest'
import { describeError } from '../src/describe-error.js'

const sealedError = {
  status: 400,
  message: 'the words of the model server',
  type: null,
  param: null,
  code: 'context_length_exceeded',
}

describe('the error of a model server', () => {
  it('is shown in its own words, with its code', () => {
    const error = new InvalidRequestError('ERR_BAD_REQUEST', 'Bad request: in words', {
      statusCode: 400,
      sealedError,
    })
    expect(describeError(error, false)).toEqual({
      problem: 'Bad request: in words',
      advice: expect.stringContaining('new conversation') as string,
      code: 'context_length_exceeded',
    })
  })

  it.each([429, 500, 503])('of a passing fault comes with a wait: %i', (status) => {
    const passing = { ...sealedError, status, code: null }
    const error = new APIError('ERR_SERVER', 'm', { sealedError: passing })
    expect(describeError(error, false)).toMatchObject({
      advice: expect.stringMatching(/^Wait /) as string,
      code: 'ERR_SERVER',
    })
  })

  it('has a code that is one word, or none of its own', () => {
    const odd = { ...sealedError, code: 'a code\u202e with \u001b[31m more' }
    const error = new InvalidRequestError('ERR_BAD_REQUEST', 'm', { sealedError: odd })
    expect(describeError(error, false).code).toBe('ERR_BAD_REQUEST')
  })
})
