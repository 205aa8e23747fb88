import { HumanMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sealedEcho, startTestServer } from '../support.js'
import { SDK_URL, UNICODE, completionOf, says, useGateways } from './support.js'

const { network, nomyoFetch, answerWith } = useGateways({ maxRetries: 1 })

const model = new ChatOpenAI({
  model: 'nomyo/echo',
  apiKey: 'sdk-key',
  maxRetries: 0,
  configuration: { baseURL: SDK_URL, fetch: nomyoFetch },
})

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
    const server = await startTestServer()
    network.target = server.url
    server.answer = async (seen, response) => {
      if (server.completions.length > 1) response.end(await sealedEcho(seen, server.serverKey))
      else response.writeHead(503, { 'retry-after': '0' }).end()
    }
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
    const server = await startTestServer()
    network.target = server.url
    server.answer = (_seen, response) => void response.end('{}')
    const eager = new ChatOpenAI({
      model: 'nomyo/echo',
      apiKey: 'sdk-key',
      maxRetries: 2,
      configuration: { baseURL: SDK_URL, fetch: nomyoFetch },
    })
    await expect(eager.invoke('hi')).rejects.toMatchObject({ status: 406 })
    expect(server.completions).toHaveLength(1)
  })

  it('fails as the SDK below it does', async () => {
    const server = await startTestServer()
    network.target = server.url
    server.answer = (_seen, response) => void response.writeHead(401).end()
    await expect(model.invoke('hi')).rejects.toMatchObject({ status: 401 })
    server.answer = () => undefined
    const signal = AbortSignal.timeout(50)
    await expect(model.invoke('hi', { signal })).rejects.toHaveProperty('name', 'AbortError')
  })
})
