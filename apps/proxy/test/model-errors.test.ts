import { createNomyoFetch } from '@nomyo/client/openai-fetch'
import { shared } from '@nomyo-internal/testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY, TOKEN, newProxy, useGateway, useModel } from './support.js'

const model = useModel()
const gateway = useGateway(model.engine)
const proxy = shared(() => newProxy(gateway()))

/** The official SDK on both ways to a gateway. */
const sdks: Record<string, () => OpenAI> = {
  'the proxy': () =>
    new OpenAI({ apiKey: TOKEN, baseURL: `${proxy().url}/v1`, maxRetries: 0, timeout: 30_000 }),
  createNomyoFetch: () => new OpenAI({ apiKey: API_KEY, fetch: nomyoFetch(), maxRetries: 0 }),
}
let used: ReturnType<typeof createNomyoFetch> | undefined
const nomyoFetch = () => used!
beforeAll(() => {
  used = createNomyoFetch({
    baseUrl: gateway(),
    allowHttp: true,
    apiKey: API_KEY,
    logger: { warn: () => undefined },
  })
})
afterAll(() => used?.dispose())

const request = { model: 'm', messages: [{ role: 'user' as const, content: 'Hello!' }] }

async function failureOf(
  sdk: OpenAI,
  stream: boolean,
): Promise<InstanceType<typeof OpenAI.APIError>> {
  return sdk.chat.completions.create({ ...request, stream }).then(
    () => {
      throw new Error('the request succeeded')
    },
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  )
}

/** Bodies as the servers write them. */
const ERRORS = [
  {
    server: 'OpenAI',
    status: 400,
    body: {
      error: {
        message:
          "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. Please reduce the length of the messages.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      },
    },
    inner: { code: 'context_length_exceeded', param: 'messages', type: 'invalid_request_error' },
  },
  {
    server: 'vLLM before 0.10',
    status: 400,
    body: {
      object: 'error',
      message:
        "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens (8001 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
      type: 'BadRequestError',
      param: null,
      code: 400,
    },
    inner: { code: 'context_length_exceeded', param: null, type: 'BadRequestError' },
  },
  {
    server: 'vLLM',
    status: 404,
    body: {
      error: {
        message: 'The model `m` does not exist.',
        type: 'NotFoundError',
        param: 'model',
        code: 404,
      },
    },
    inner: { param: 'model', type: 'NotFoundError' },
  },
  {
    server: 'Ollama',
    status: 404,
    body: {
      error: {
        message: 'model "m" not found, try pulling it first',
        type: 'api_error',
        param: null,
        code: null,
      },
    },
    inner: { param: null, type: 'api_error' },
  },
  {
    server: 'llama.cpp',
    status: 400,
    body: {
      error: {
        code: 400,
        message:
          'the request exceeds the available context size. try increasing the context size or enable context shift',
        type: 'exceed_context_size_error',
        n_prompt_tokens: 5000,
        n_ctx: 4096,
      },
    },
    inner: { code: 'context_length_exceeded', type: 'exceed_context_size_error' },
  },
  {
    server: 'OpenAI, busy',
    status: 429,
    body: {
      error: {
        message: 'Rate limit reached for requests',
        type: 'requests',
        param: null,
        code: 'rate_limit_exceeded',
      },
    },
    inner: { code: 'rate_limit_exceeded', param: null, type: 'requests' },
  },
  {
    server: 'OpenAI, failing',
    status: 500,
    body: {
      error: {
        message: 'The server had an error while processing your request.',
        type: 'server_error',
        param: null,
        code: null,
      },
    },
    inner: { code: null, param: null, type: 'server_error' },
  },
] as const

describe.each(Object.keys(sdks))('errors of model servers through %s', (way) => {
  it.each(ERRORS)('are as from the server itself: $server, $status', async (error) => {
    const { status, body, inner } = error
    model.complete = (response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '3' })
      response.end(JSON.stringify(body))
    }
    const message = 'error' in body ? body.error.message : body.message
    for (const stream of [false, true]) {
      const failure = await failureOf(sdks[way]!(), stream)
      expect(failure).toMatchObject({ status, ...inner })
      expect(failure.message).toBe(`${String(status)} ${message}`)
      expect(failure.headers?.get('x-nomyo-error')).toBe('sealed')
      expect(failure.headers?.get('retry-after')).toBe(status === 429 ? '3' : null)
    }
  })

  it('with the status of a success are errors all the same, and no empty stream', async () => {
    const error = { message: 'Provider returned error', code: 502 }
    model.complete = (response) => response.end(JSON.stringify({ error }))
    for (const stream of [false, true]) {
      const failure = await failureOf(sdks[way]!(), stream)
      expect(failure.status).toBeGreaterThanOrEqual(400)
    }
  })

  it('about the credentials of the gateway stay with it', async () => {
    model.complete = (response) => {
      response.statusCode = 401
      response.end(
        '{"error":{"message":"Incorrect API key provided: sk-canary","code":"invalid_api_key"}}',
      )
    }
    const failure = await failureOf(sdks[way]!(), false)
    expect(failure.status).toBe(502)
    expect(JSON.stringify(failure) + failure.message).not.toContain('canary')
    expect(failure.headers?.has('x-nomyo-error')).toBe(false)
  })
})
