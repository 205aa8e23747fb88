import { buildsOf } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

const ERRORS = [
  'APIConnectionError',
  'APIError',
  'AuthenticationError',
  'ForbiddenError',
  'InvalidRequestError',
  'RateLimitError',
  'ServerError',
  'ServiceUnavailableError',
]
const INDEX = [
  ...ERRORS,
  'abortable',
  'createHttpTransport',
  'delay',
  'endpointUrl',
  'errorFromResponse',
  'parseBaseUrl',
  'parseRetryAfter',
  'retry',
  'startDeadline',
]

describe.each([
  ['index', INDEX],
  ['errors', ERRORS],
])('%s', (name, expected) => {
  it('exports this and nothing else, from source, imported and required', async () => {
    const modules = await buildsOf(import.meta.url, name)
    for (const module of modules) expect(Object.keys(module).sort()).toEqual(expected)
  })
})

it('is reached through these subpaths only', () => {
  expect(Object.keys(packageJson.exports)).toEqual(['.', './errors', './undici', './package.json'])
})
