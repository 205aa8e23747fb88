import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, streamText } from 'ai'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../hostile/support.js'
import { SDK_URL, useGateways } from './support.js'

const { nomyoFetch, openai } = useGateways()

const messages = [{ role: 'user' as const, content: 'Hello!' }]
const MODEL = 'nomyo/error-context-length'

describe('the error of a model server', () => {
  it.each([
    ['context-length', OpenAI.BadRequestError, 400, 'context_length_exceeded', 'messages'],
    ['invalid-param', OpenAI.BadRequestError, 400, 'decimal_above_max_value', 'temperature'],
    ['content-filter', OpenAI.BadRequestError, 400, 'content_filter', 'messages'],
    ['model-not-found', OpenAI.NotFoundError, 404, 'model_not_found', 'model'],
    ['rate-limit', OpenAI.RateLimitError, 429, 'rate_limit_exceeded', null],
    ['server', OpenAI.InternalServerError, 500, null, null],
    ['overloaded', OpenAI.InternalServerError, 503, 'overloaded', null],
    ['timeout', OpenAI.InternalServerError, 504, 'timeout', null],
  ])('is that of the openai SDK: %s', async (name, errorClass, status, code, param) => {
    const model = `nomyo/error-${name}`
    for (const stream of [false, true]) {
      const failure = await failureOf(openai().chat.completions.create({ model, messages, stream }))
      expect(failure).toBeInstanceOf(errorClass)
      const error = failure as InstanceType<typeof OpenAI.APIError>
      expect(error).toMatchObject({ status, code, param })
      expect(error.message).toContain('[demo engine, not a model]')
      expect(error.type).toMatch(/_error$/)
      expect(error.requestID).toMatch(/^[\da-f-]{36}$/)
      expect(error.headers?.get('x-nomyo-error')).toBe('sealed')
    }
  })

  it('asks the SDK to wait as long as the model server does', async () => {
    const request = openai().chat.completions.create({ model: 'nomyo/error-rate-limit', messages })
    const error = (await failureOf(request)) as InstanceType<typeof OpenAI.APIError>
    expect(error.headers?.get('retry-after')).toBe('2')
    expect(error.headers?.get('retry-after-ms')).toBe('2000')
  })

  it('ends a helper for streams as well, and never as an empty stream', async () => {
    const stream = openai().chat.completions.stream({ model: MODEL, messages })
    expect(await failureOf(stream.finalMessage())).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    })
  })

  it('is that of the Vercel AI SDK', async () => {
    const provider = createOpenAICompatible({
      name: 'nomyo',
      baseURL: SDK_URL,
      apiKey: 'the-key-of-the-sdk',
      fetch: nomyoFetch,
    })
    const request = { model: provider(MODEL), prompt: 'Hello!', maxRetries: 0 }
    const failure = await failureOf(generateText(request))
    expect(APICallError.isInstance(failure)).toBe(true)
    expect(failure).toMatchObject({
      statusCode: 400,
      isRetryable: false,
      data: { error: { code: 'context_length_exceeded', param: 'messages' } },
    })
    const errors: unknown[] = []
    const { textStream } = streamText({
      ...request,
      onError: ({ error }) => void errors.push(error),
    })
    let text = ''
    for await (const part of textStream) text += part
    expect(text).toBe('')
    expect(errors).toMatchObject([
      { statusCode: 400, data: { error: { code: 'context_length_exceeded' } } },
    ])
  })

  it('is that of LangChain', async () => {
    const model = new ChatOpenAI({
      model: MODEL,
      apiKey: 'the-key-of-the-sdk',
      maxRetries: 0,
      configuration: { baseURL: SDK_URL, fetch: nomyoFetch },
    })
    // It has a class of its own for this code, which its agents handle.
    const overflow = {
      name: 'ContextOverflowError',
      cause: { status: 400, code: 'context_length_exceeded', param: 'messages' },
    }
    expect(await failureOf(model.invoke('Hello!'))).toMatchObject(overflow)
    expect(await failureOf(model.stream('Hello!'))).toMatchObject(overflow)
  })
})
