import { HumanMessage, ToolMessage, type AIMessageChunk } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { refuse } from '../support.js'
import { SDK_URL, UNICODE, busyOnce, completionOf, says, useGateways } from './support.js'

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
