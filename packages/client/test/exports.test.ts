import { expect, it } from 'vitest'
import * as client from '../src/index.js'
import * as gatewayApi from '../src/gateway-api/index.js'
import * as knownServers from '../src/platform/known-servers-file.js'

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

it('exports plain requests to a gateway from a subpath', () => {
  expect(Object.keys(gatewayApi).sort()).toEqual([
    'fetchKeyEvidence',
    'fetchModels',
    'fetchPublicKey',
    'fetchStatement',
    'fetchStatementEvidence',
  ])
})

it('exports a known-servers file from a subpath', () => {
  expect(Object.keys(knownServers).sort()).toEqual(['knownServersFile', 'readTrustedFile'])
})
