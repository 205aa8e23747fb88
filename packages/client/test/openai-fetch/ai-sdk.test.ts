import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, Output, RetryError, generateText, stepCountIs, streamText, tool } from 'ai'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sealedEcho, refuse, testKey } from '../support.js'
import { SDK_URL, UNICODE, completionOf, says, useGateways } from './support.js'

const { nomyoFetch, serverWith, upstream, answerWith } = useGateways()

const provider = createOpenAICompatible({
  name: 'nomyo',
  baseURL: SDK_URL,
  apiKey: 'the-key-of-the-sdk',
  fetch: nomyoFetch,
  includeUsage: true,
  supportsStructuredOutputs: true,
})
const model = provider('nomyo/echo')

const weather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `sunny in ${city}`,
})

describe('generateText', () => {
  it('gives text and usage', async () => {
    const { text, usage, finishReason, response } = await generateText({ model, prompt: UNICODE })
    expect(text).toBe(UNICODE)
    expect(finishReason).toBe('stop')
    expect(usage.totalTokens).toBeGreaterThan(0)
    expect(response.headers?.['x-request-id']).toBeDefined()
  })

  it('runs tools until there is a text', async () => {
    const { text, steps } = await generateText({
      model,
      prompt: 'hi',
      tools: { weather },
      stopWhen: stepCountIs(3),
    })
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop'])
    expect(steps[0]?.toolCalls).toMatchObject([{ toolName: 'weather', input: { city: 'demo' } }])
    expect(text).toBe('sunny in demo')
  })

  it('gives objects', async () => {
    answerWith(() => completionOf(says('{"answer":42}')))
    const { output } = await generateText({
      model,
      prompt: 'hi',
      output: Output.object({ schema: z.object({ answer: z.number() }) }),
    })
    expect(output).toEqual({ answer: 42 })
    expect(upstream.requests[0]).toMatchObject({ response_format: { type: 'json_schema' } })
  })
})

describe('streamText', () => {
  it('gives reasoning, text and usage', async () => {
    const message = { role: 'assistant', content: UNICODE, reasoning_content: 'Hm.' }
    answerWith(() => completionOf({ message }))
    const result = streamText({ model, prompt: 'hi' })
    const parts: string[] = []
    for await (const part of result.textStream) parts.push(part)
    expect(parts.join('')).toBe(UNICODE)
    expect(await result.reasoningText).toBe('Hm.')
    expect(await result.finishReason).toBe('stop')
    expect((await result.usage).totalTokens).toBe(7)
    expect(upstream.requests[0]).toHaveProperty('stream', false)
  })

  it('runs tools until there is a text', async () => {
    const result = streamText({ model, prompt: 'hi', tools: { weather }, stopWhen: stepCountIs(3) })
    const kinds = new Set<string>()
    for await (const part of result.fullStream) kinds.add(part.type)
    expect(kinds).not.toContain('error')
    expect(kinds).toContain('tool-result')
    expect(await result.text).toBe('sunny in demo')
    expect((await result.steps)[0]?.toolCalls).toMatchObject([{ input: { city: 'demo' } }])
  })
})

describe('failures', () => {
  it('are retried only where that may help', async () => {
    const server = await serverWith()
    server.answer = async (seen, response) => {
      response.end(await sealedEcho(seen, await testKey('server'), { payload_id: 'another' }))
    }
    const notTrusted = generateText({ model, prompt: 'hi' })
    await expect(notTrusted).rejects.toMatchObject({
      statusCode: 406,
      data: { error: { code: 'ERR_REPLY_MISMATCH' } },
    })
    expect(server.completions).toHaveLength(1)

    server.answer = refuse(401)
    const noKey = generateText({ model, prompt: 'hi' })
    await expect(noKey).rejects.toSatisfy(APICallError.isInstance)
    await expect(noKey).rejects.toMatchObject({ statusCode: 401 })
    expect(server.completions).toHaveLength(2)

    server.answer = refuse(503, { 'retry-after': '0' })
    const unavailable = generateText({ model, prompt: 'hi', maxRetries: 1 })
    await expect(unavailable).rejects.toSatisfy(RetryError.isInstance)
    expect(server.completions).toHaveLength(4)
  })

  it('follow an abort', async () => {
    await serverWith(() => undefined)
    const abortSignal = AbortSignal.timeout(50)
    await expect(generateText({ model, prompt: 'hi', abortSignal })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })
})
