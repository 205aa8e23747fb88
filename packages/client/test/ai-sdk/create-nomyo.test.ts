import { SCRIPTED_TEXT, shared, startScriptedModel, withCode } from '@nomyo-internal/testing'
import { faults } from '@nomyo/testkit'
import { APICallError, Output, embed, generateText, streamText } from 'ai'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import * as subpath from '../../src/ai-sdk/index.js'
import type { SecureChatCompletion } from '../../src/index.js'
import { failureOf, newGateway } from '../sealed-exchange/support.js'
import { useGateway } from '../openai-fetch/support.js'

const { createNomyo } = subpath
const TEXT = SCRIPTED_TEXT.join('')
const prompt = 'Hi'

const model = shared(startScriptedModel)
const gatewayUrl = useGateway(() => ({
  engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined },
}))

const newProvider = (url: string): subpath.NomyoProvider => {
  const nomyo = createNomyo({
    baseUrl: url,
    allowHttp: true,
    apiKey: 'the-key-of-the-sdk',
    logger: { warn: () => undefined },
  })
  onTestFinished(() => nomyo.dispose())
  return nomyo
}

describe('createNomyo', () => {
  it('is the only export', () => {
    expect(Object.keys(subpath)).toEqual(['createNomyo'])
  })

  it('gives chat models, with usage in streams and output by schema', async () => {
    const nomyo = newProvider(gatewayUrl())
    const result = streamText({ model: nomyo('m'), prompt })
    let text = ''
    for await (const part of result.textStream) text += part
    expect(text).toBe(TEXT)
    expect((await result.usage).totalTokens).toBe(7)
    const { output } = await generateText({
      model: nomyo.chatModel('m'),
      prompt,
      output: Output.object({ schema: z.object({ answer: z.number() }) }),
    })
    expect(output).toEqual({ answer: 42 })
    expect(JSON.parse(model().seen.at(-1)!.body)).toMatchObject({
      response_format: { type: 'json_schema' },
    })
  })

  it('gives embedding models', async () => {
    const embeddingModel = newProvider(gatewayUrl()).embeddingModel('m')
    expect((await embed({ model: embeddingModel, value: 'a' })).embedding).toEqual([0.25, -0.5, 1])
  })

  it('has the AI SDK retry after network faults, as after those of fetch', async () => {
    const gateway = await newGateway()
    const nomyo = newProvider(gateway.url)
    gateway.next(faults.withoutEnd())
    const { text } = await generateText({ model: nomyo('m'), prompt, maxRetries: 1 })
    expect(text).toBe(prompt)
    expect(gateway.requests).toHaveLength(2)
    gateway.always(faults.withoutEnd())
    const failure = await failureOf(generateText({ model: nomyo('m'), prompt, maxRetries: 0 }))
    expect(failure).toMatchObject({ isRetryable: true, cause: { code: 'ERR_TRUNCATED' } })
  })

  it('has it retry nothing that cannot be trusted', async () => {
    const gateway = await newGateway()
    gateway.always(faults.altered())
    const failure = await failureOf(
      generateText({ model: newProvider(gateway.url)('m'), prompt, maxRetries: 2 }),
    )
    expect(failure).toSatisfy(APICallError.isInstance)
    expect(failure).toMatchObject({ statusCode: 406, isRetryable: false })
    expect(gateway.requests).toHaveLength(1)
  })

  it('ends with its client, and leaves a given one alone', async () => {
    const nomyo = newProvider(gatewayUrl())
    nomyo.dispose()
    nomyo[Symbol.dispose]()
    const failure = await failureOf(generateText({ model: nomyo('m'), prompt, maxRetries: 0 }))
    expect(failure).toMatchObject({ data: { error: { code: 'ERR_KEY_DISPOSED' } } })
    const dispose = vi.fn()
    const client = { fetch: () => undefined, dispose } as unknown as SecureChatCompletion
    createNomyo({ client }).dispose()
    expect(dispose).not.toHaveBeenCalled()
  })

  it('refuses options that are unknown', () => {
    expect(() => createNomyo({ baseURL: 'https://x.test' } as never)).toThrow(
      withCode('ERR_INVALID_OPTION'),
    )
  })
})
