import { HumanMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { SCRIPTED_TEXT, shared, startScriptedModel } from '@nomyo-internal/testing'
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { refuse } from '../support.js'
import {
  SDK_URL,
  UNICODE,
  busyOnce,
  completionOf,
  says,
  useGateway,
  useGateways,
  useNomyoFetch,
} from './support.js'

const { nomyoFetch, serverWith, answerWith } = useGateways({ maxRetries: 1 })

const newModel = (maxRetries: number): ChatOpenAI =>
  new ChatOpenAI({
    model: 'nomyo/echo',
    apiKey: 'the-key-of-the-sdk',
    maxRetries,
    configuration: { baseURL: SDK_URL, fetch: nomyoFetch },
  })
const model = newModel(0)

const weather = tool(({ city }) => `sunny in ${city}`, {
  name: 'weather',
  description: 'Tells the weather.',
  schema: z.object({ city: z.string() }),
})

describe('ChatOpenAI', () => {
  it('invokes', async () => {
    const answer = await model.invoke(UNICODE)
    expect(answer.content).toBe(UNICODE)
    expect(answer).toHaveProperty('usage_metadata.total_tokens', expect.any(Number))
    expect(answer.response_metadata).toMatchObject({ finish_reason: 'stop' })
  })

  it('streams', async () => {
    let whole: AIMessageChunk | undefined
    for await (const chunk of await model.stream(UNICODE)) whole = whole?.concat(chunk) ?? chunk
    expect(whole?.content).toBe(UNICODE)
    expect(whole).toHaveProperty('usage_metadata.total_tokens', expect.any(Number))
    expect(whole?.response_metadata).toMatchObject({ finish_reason: 'stop' })
  })

  it('calls tools, at once and streamed', async () => {
    const withTools = model.bindTools([weather])
    const question = new HumanMessage('hi')
    const called = await withTools.invoke([question])
    const expected = [{ name: 'weather', args: { city: 'demo' }, type: 'tool_call' }]
    expect(called.tool_calls).toMatchObject(expected)

    let whole: AIMessageChunk | undefined
    for await (const chunk of await withTools.stream([question])) {
      whole = whole?.concat(chunk) ?? chunk
    }
    expect(whole?.tool_calls).toMatchObject(expected)

    const result: unknown = await weather.invoke(called.tool_calls![0]!)
    expect(result).toBeInstanceOf(ToolMessage)
    const answer = await withTools.invoke([question, called, result as ToolMessage])
    expect(answer.content).toBe('sunny in demo')
  })

  it('gives structured output', async () => {
    answerWith(() => completionOf(says('{"answer":42}')))
    const structured = model.withStructuredOutput(z.object({ answer: z.number() }), {
      name: 'answer',
      method: 'jsonSchema',
    })
    expect(await structured.invoke('hi')).toEqual({ answer: 42 })
  })

  it('leaves retries to the client, where they may help', async () => {
    const server = await serverWith()
    server.answer = busyOnce(server, 503)
    expect((await model.invoke('hi')).content).toBe('hi')
    expect(server.completions).toHaveLength(2)
    server.completions.length = 0
    server.answer = (_seen, response) => void response.end('{}')
    await expect(model.invoke('hi')).rejects.toMatchObject({
      status: 406,
      code: 'ERR_ENVELOPE_INVALID',
    })
    expect(server.completions).toHaveLength(1)
  })

  it('does not retry after an answer that cannot be trusted', async () => {
    const server = await serverWith()
    server.answer = (_seen, response) => void response.end('{}')
    const eager = newModel(2)
    await expect(eager.invoke('hi')).rejects.toMatchObject({ status: 406 })
    expect(server.completions).toHaveLength(1)
  })

  it('fails as the SDK below it does', async () => {
    const server = await serverWith(refuse(401))
    await expect(model.invoke('hi')).rejects.toMatchObject({ status: 401 })
    server.answer = () => undefined
    const signal = AbortSignal.timeout(50)
    await expect(model.invoke('hi', { signal })).rejects.toHaveProperty('name', 'AbortError')
  })
})

describe('over wire 2', () => {
  const TEXT = SCRIPTED_TEXT.join('')
  const model = shared(startScriptedModel)
  const gatewayUrl = useGateway(() => ({
    engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined },
  }))
  const { network, nomyoFetch: encrypting } = useNomyoFetch({ wire: 2 })
  const fields = {
    model: 'm',
    apiKey: 'the-key-of-the-sdk',
    maxRetries: 0,
    configuration: { baseURL: SDK_URL, fetch: encrypting },
  }
  beforeEach(() => {
    network.target = gatewayUrl()
  })

  it.each([false, true])(
    'ChatOpenAI streams, with useResponsesApi: %s',
    async (useResponsesApi) => {
      const chat = new ChatOpenAI({ ...fields, useResponsesApi })
      let whole: AIMessageChunk | undefined
      let parts = 0
      for await (const chunk of await chat.stream('hi')) {
        parts++
        whole = whole?.concat(chunk) ?? chunk
      }
      expect(whole?.text).toBe(TEXT)
      expect(parts).toBeGreaterThan(SCRIPTED_TEXT.length)
      expect(whole).toHaveProperty('usage_metadata.total_tokens', 7)

      const withTools = chat.bindTools([weather])
      let called: AIMessageChunk | undefined
      for await (const chunk of await withTools.stream('hi'))
        called = called?.concat(chunk) ?? chunk
      expect(called?.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Rome' } }])
      const question = new HumanMessage('hi')
      const result: unknown = await weather.invoke(called!.tool_calls![0] as never)
      const answer = await withTools.invoke([question, called!, result as ToolMessage])
      expect(answer.text).toBe(TEXT)
    },
  )

  it.each([
    ['no-model', { status: 404, code: 'model_not_found' }],
    ['lost', { code: 'ERR_TRUNCATED' }],
    ['failing', { code: 'oom' }],
  ])('ChatOpenAI fails with a clear error: %s', async (name, error) => {
    const chat = new ChatOpenAI({ ...fields, model: name })
    const read = async (): Promise<void> => {
      for await (const chunk of await chat.stream('hi')) expect(chunk).toBeDefined()
    }
    await expect(read()).rejects.toMatchObject(error)
  })

  it('OpenAIEmbeddings embeds', async () => {
    const embeddings = new OpenAIEmbeddings(fields)
    expect(await embeddings.embedDocuments(['a', 'b'])).toEqual([
      [0.25, -0.5, 1],
      [0.25, -0.5, 1],
    ])
  })
})
