import { describe, expect, it } from 'vitest'
import { readForeignError } from '../src/upstreams/server/foreign-error.js'

const read = (status: number | undefined, body: unknown) =>
  readForeignError(status, typeof body === 'string' ? body : JSON.stringify(body))

describe('an error of a model server', () => {
  it.each<[string, unknown, object]>([
    [
      'OpenAI',
      { error: { message: 'm', type: 'invalid_request_error', param: 'top_p', code: 'c' } },
      { message: 'm', type: 'invalid_request_error', param: 'top_p', code: 'c' },
    ],
    [
      'vLLM',
      { object: 'error', message: 'm', type: 'BadRequestError', param: null, code: 400 },
      { message: 'm', type: 'BadRequestError', param: null, code: '400' },
    ],
    [
      'llama.cpp',
      { error: { code: 400, message: 'm', type: 'invalid_request_error' } },
      { message: 'm', type: 'invalid_request_error', code: '400' },
    ],
    ['Ollama', { error: 'm' }, { message: 'm', type: null, param: null, code: null }],
    ['TGI', { error: 'm', error_type: 'validation' }, { message: 'm', type: 'validation' }],
    ['FastAPI with a text', { detail: 'm' }, { message: 'm', code: null }],
    [
      'FastAPI with a list',
      {
        detail: [
          { loc: ['body', 'messages', 0, 'role'], msg: 'Field required', type: 'missing' },
          { loc: ['body', 'n'], msg: 'must be positive' },
        ],
      },
      {
        message: 'messages.0.role: Field required; n: must be positive',
        type: 'invalid_request_error',
        param: 'messages.0.role',
      },
    ],
    ['Google', [{ error: { code: 400, message: 'm', status: 'INVALID' } }], { message: 'm' }],
    [
      'Mistral',
      { object: 'error', message: { detail: [{ loc: ['n'], msg: 'bad' }] } },
      { param: 'n' },
    ],
    ['a server of plain text', 'm\n', { message: 'm' }],
    ['an unknown server', { reason: 'm' }, { message: '{"reason":"m"}' }],
    ['a page of a proxy', '<html>canary</html>', { message: 'The model server gave no reason.' }],
    ['an empty body', '', { message: 'The model server gave no reason.' }],
  ])('is read as %s writes it', (_server, body, expected) => {
    expect(read(400, body)).toMatchObject({ status: 400, ...expected })
  })

  it('has none of the characters that a terminal obeys', () => {
    const message = 'a\u001b[31m\u0007b\u202ec\u009bd\r\ne\tf'
    expect(read(400, { error: { message } }).message).toBe('a[31mbcd\ne\tf')
    expect(read(400, message).message).toBe('a[31mbcd\ne\tf')
  })

  it.each<[string, unknown]>([
    [
      'a text that is too long',
      { error: { message: 'x'.repeat(60_000), type: 'y'.repeat(60_000) } },
    ],
    ['objects in place of texts', { error: { message: { a: 1 }, type: {}, param: [], code: {} } }],
    ['wrappers without end', '{"error":'.repeat(5000) + '1' + '}'.repeat(5000)],
    ['lists without end', '['.repeat(5000) + ']'.repeat(5000)],
    ['a list of nothing', { detail: [null, 1, 'x'] }],
    ['a name of an object in Node', '{"error":{"__proto__":{"message":"x"},"constructor":1}}'],
  ])('is bounded with %s', (_what, body) => {
    const { message, type, code, param } = read(400, body)
    expect(message.length).toBeLessThanOrEqual(4097)
    for (const text of [type, code, param]) expect((text ?? '').length).toBeLessThanOrEqual(257)
  })
})

describe('an error within a success has the status of', () => {
  it.each<[number, unknown]>([
    [429, { error: { code: 429, message: 'm' } }],
    [429, { error: { code: '429', message: 'm' } }],
    [404, { object: 'error', message: 'm', code: 404 }],
    [400, { error: { type: 'invalid_request_error', message: 'm' } }],
    [400, { error: { type: 'BadRequestError', message: 'm' } }],
    [404, { error: { code: 'model_not_found', type: 'invalid_request_error', message: 'm' } }],
    [401, { error: { type: 'authentication_error', message: 'm' } }],
    [403, { error: { type: 'permission_error', message: 'm' } }],
    [429, { error: { type: 'rate_limit_error', message: 'm' } }],
    [503, { error: { type: 'overloaded_error', message: 'm' } }],
    [500, { error: { type: 'server_error', message: 'm' } }],
    [500, { error: 'm' }],
    [500, { error: { code: 200, message: 'm' } }],
    [500, { error: { code: 1e300, type: '__proto__', message: 'm' } }],
  ])('%i: %j', (status, body) => {
    expect(read(undefined, body).status).toBe(status)
  })
})

describe('a conversation that is too long is recognised as', () => {
  it.each<[string, number, unknown]>([
    ['OpenAI', 400, { error: { code: 'context_length_exceeded', message: 'm' } }],
    ['OpenAI', 400, { error: { message: "This model's maximum context length is 8192 tokens." } }],
    [
      'vLLM',
      400,
      {
        object: 'error',
        message: "This model's maximum context length is 4096 tokens. However, you requested 5000.",
        type: 'BadRequestError',
        code: 400,
      },
    ],
    [
      'vLLM',
      400,
      {
        error: {
          message:
            'The decoder prompt (length 9254) is longer than the maximum model length of 4096.',
          code: 400,
        },
      },
    ],
    [
      'llama.cpp',
      400,
      {
        error: {
          code: 400,
          message: 'request (13392 tokens) exceeds the available context size (8192 tokens)',
          type: 'exceed_context_size_error',
          n_ctx: 8192,
        },
      },
    ],
    ['llama.cpp', 500, { error: { code: 500, message: 'Context size has been exceeded.' } }],
    ['Ollama', 400, { error: 'the input length exceeds the context length' }],
    [
      'SGLang',
      400,
      {
        message: "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
      },
    ],
    [
      'TGI',
      422,
      {
        error:
          'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 17 and 10000',
        error_type: 'validation',
      },
    ],
    ['LiteLLM', 400, { error: { message: 'litellm.ContextWindowExceededError: x', code: '400' } }],
    [
      'Anthropic',
      400,
      { error: { message: 'prompt is too long: 205000 tokens > 200000 maximum' } },
    ],
    ['FastAPI', 400, { detail: "This model's maximum context length is 8192 tokens" }],
    ['an error within a success', 0, { error: 'This exceeds the maximum context length.' }],
  ])('%s writes it, with %i', (_server, status, body) => {
    const error = read(status === 0 ? undefined : status, body)
    expect(error.code).toBe('context_length_exceeded')
    expect([400, 422]).toContain(error.status)
  })

  it.each<[number, unknown]>([
    [400, { error: { message: 'temperature must be below 2', code: 'invalid_value' } }],
    [429, { error: { message: 'Your prompt is too long: try later' } }],
    [404, { error: { message: 'No model with the maximum context length' } }],
    [503, { error: { message: 'maximum context length' } }],
  ])('nothing else: %i %j', (status, body) => {
    const error = read(status, body)
    expect(error).toMatchObject({ status })
    expect(error.code).not.toBe('context_length_exceeded')
  })
})
