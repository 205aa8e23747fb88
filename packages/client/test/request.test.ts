import { InvalidRequestError } from '@nomyo/transport'
import { describe, expect, it } from 'vitest'
import { splitRequest } from '../src/completion/seal-request.js'
import type { ChatCompletionRequest } from '../src/types/request.js'
import { hello } from './support.js'
import { withCode } from '@nomyo-internal/testing'

const MIB = 1024 * 1024
const circular: Record<string, unknown> = {}
circular['self'] = circular

describe('splitRequest', () => {
  it.each<[string, unknown]>([
    ['no request', null],
    ['a request without model', { messages: hello.messages }],
    ['an empty model', { ...hello, model: '' }],
    ['no messages', { model: 'm' }],
    ['empty messages', { ...hello, messages: [] }],
    ['an unknown tier', { ...hello, security_tier: 'ultra' }],
    ['a BigInt', { ...hello, seed: 1n }],
    ['a circle', { ...hello, circular }],
    ['what writes itself as nothing', { ...hello, toJSON: () => undefined }],
  ])('refuses %s before anything is sent', (_what, request) => {
    const split = (): unknown => splitRequest(request as ChatCompletionRequest, 'padme')
    expect(split).toThrow(InvalidRequestError)
    expect(split).toThrow(withCode('ERR_INVALID_REQUEST'))
  })

  it('refuses a key that could end a header', () => {
    expect(() => splitRequest({ ...hello, api_key: 'k\r\nx-evil: 1' }, 'none')).toThrow(
      withCode('ERR_INVALID_OPTION'),
    )
  })

  it.each(['padme', 'none'] as const)('takes 10 MiB of JSON and not a byte more: %s', (padding) => {
    const framing = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: '' }] }).length
    const of = (length: number): ChatCompletionRequest => ({
      model: 'm',
      messages: [{ role: 'user', content: 'x'.repeat(length - framing) }],
    })
    expect(splitRequest(of(10 * MIB), padding).payload).toHaveLength(10 * MIB)
    expect(() => splitRequest(of(10 * MIB + 1), padding)).toThrow(withCode('ERR_REQUEST_TOO_LARGE'))
  })

  it('leaves the request it was given as it was', () => {
    const request = Object.freeze({ ...hello, api_key: 'k', security_tier: 'high' as const })
    splitRequest(request, 'padme')
    expect(request).toEqual({ ...hello, api_key: 'k', security_tier: 'high' })
  })
})
