import { attestationPolicy } from '@nomyo/attest'
import { describe, expect, it } from 'vitest'
import {
  APIError,
  AttestationError,
  InvalidRequestError,
  RateLimitError,
  SecurityError,
  ServerError,
} from '../../src/index.js'
import { errorResponse } from '../../src/openai-fetch/error-response.js'

const bodyOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { error: unknown }).error

describe('errorResponse', () => {
  it('keeps status, code and request id of the gateway', async () => {
    const facts = { statusCode: 500, payloadId: 'p-1', errorDetails: 'canary' }
    const response = errorResponse(new ServerError('ERR_SERVER', 'text', facts))
    expect(response.status).toBe(500)
    expect(response.headers.get('x-request-id')).toBe('p-1')
    expect(response.headers.get('x-should-retry')).toBeNull()
    expect(await bodyOf(response)).toEqual({
      message: 'text',
      type: 'server_error',
      code: 'ERR_SERVER',
      param: null,
    })
  })

  it('treats a request that was not sent as a bad request', () => {
    expect(errorResponse(new InvalidRequestError('ERR_INVALID_OPTION', 'text')).status).toBe(400)
  })

  it('names the wait, and forbids a retry when that is long', () => {
    const limited = (retryAfterMs: number): Response =>
      errorResponse(new RateLimitError('ERR_RATE_LIMIT', 'text', { statusCode: 429, retryAfterMs }))
    const soon = limited(1500)
    expect(soon.headers.get('retry-after-ms')).toBe('1500')
    expect(soon.headers.get('retry-after')).toBe('2')
    expect(soon.headers.get('x-should-retry')).toBeNull()
    expect(limited(0).headers.get('retry-after')).toBe('0')
    expect(limited(60_001).headers.get('x-should-retry')).toBe('false')
    expect(limited(60_001).headers.get('retry-after')).toBe('61')
  })

  it('names an exhausted quota as OpenAI does', async () => {
    const limited = (statusCode: number, errorDetails: unknown): Response =>
      errorResponse(new RateLimitError('ERR_RATE_LIMIT', 'text', { statusCode, errorDetails }))
    const exhausted = limited(429, { detail: 'd', code: 'insufficient_quota' })
    expect([exhausted.status, await bodyOf(exhausted)]).toEqual([
      429,
      { message: 'text', type: 'insufficient_quota', code: 'insufficient_quota', param: null },
    ])
    // No other text of a refusal, which is not authenticated, becomes a code.
    for (const details of [
      { code: 'canary' },
      'insufficient_quota',
      null,
      ['insufficient_quota'],
    ]) {
      expect(await bodyOf(limited(429, details))).toMatchObject({ code: 'ERR_RATE_LIMIT' })
    }
    const other = limited(403, { code: 'insufficient_quota' })
    expect(await bodyOf(other)).toMatchObject({ code: 'ERR_RATE_LIMIT' })
  })

  it('passes no status that would make it an answer', async () => {
    for (const statusCode of [100, 200, 201, 204, 302, 304, 600, 999]) {
      const response = errorResponse(new APIError('ERR_UNEXPECTED_STATUS', 'text', { statusCode }))
      expect(response.status).toBe(502)
      expect(response.ok).toBe(false)
      expect(response.headers.get('x-should-retry')).toBe('false')
      expect(await bodyOf(response)).toMatchObject({ code: 'ERR_UNEXPECTED_STATUS' })
    }
  })

  it('forbids a retry where nothing can be trusted', async () => {
    const error = new SecurityError('ERR_DECRYPTION_FAILED', 'text')
    error.payloadId = 'p-1'
    const response = errorResponse(error)
    expect(response.status).toBe(406)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(response.headers.get('x-request-id')).toBe('p-1')
    expect(await bodyOf(response)).toEqual({
      message: 'text',
      type: 'nomyo_security_error',
      code: 'ERR_DECRYPTION_FAILED',
      param: null,
    })
  })

  it('treats a failed attestation likewise', async () => {
    const policy = attestationPolicy({ requiredPcrs: 'sha256:0', trust: 'none' })
    const result = await policy.appraise(undefined, {
      nonce: { extraData: new Uint8Array(32) },
    })
    const error = new AttestationError(result, 'affirming')
    const response = errorResponse(error)
    expect(response.status).toBe(406)
    expect(await bodyOf(response)).toMatchObject({
      type: 'nomyo_security_error',
      code: 'ERR_ATTESTATION_FAILED',
    })
  })

  it('repeats nothing of errors it does not know', async () => {
    for (const error of [new TypeError('canary'), 'canary', null, undefined, { code: 'canary' }]) {
      const response = errorResponse(error)
      expect(response.status).toBe(406)
      const text = JSON.stringify(await bodyOf(response))
      expect(text).not.toContain('canary')
      expect(text).toContain('ERR_UNEXPECTED')
    }
  })
})
