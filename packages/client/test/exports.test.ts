import { expect, it } from 'vitest'
import * as client from '../src/index.js'

it('exports this and nothing else', () => {
  expect(Object.keys(client).sort()).toEqual([
    'APIConnectionError',
    'APIError',
    'AttestationError',
    'AuthenticationError',
    'ForbiddenError',
    'InvalidRequestError',
    'RateLimitError',
    'SecureChatCompletion',
    'SecureCompletionClient',
    'SecurityError',
    'ServerError',
    'ServiceUnavailableError',
  ])
})
