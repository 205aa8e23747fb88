import { completionOf, shared } from '@nomyo-internal/testing'
import OpenAI, { APIUserAbortError } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { TOKEN, newProxy, useGateway, useModel } from './support.js'

const model = useModel()
const gateway = useGateway(model.engine)
const proxy = shared(() => newProxy(gateway(), ['--security-tier', 'high']))

beforeEach(() => {
  model.requests.length = 0
  model.complete = (response) => response.end(completionOf({ content: 'Hello back!' }))
})

const openai = (apiKey = TOKEN): OpenAI =>
  new OpenAI({ apiKey, baseURL: `${proxy().url}/v1`, maxRetries: 0 })
const messages = [{ role: 'user' as const, content: 'Hello!' }]

describe('the official SDK through the proxy', () => {
  it('gets a completion, and its request reaches the model unchanged', async () => {
    const url = 'data:image/png;base64,iVBORw0KGgo='
    const content = [
      { type: 'text' as const, text: 'What is this?' },
      { type: 'image_url' as const, image_url: { url } },
    ]
    const request = { model: 'm', temperature: 0.5, messages: [{ role: 'user' as const, content }] }
    const { choices, usage, _request_id } = await openai().chat.completions.create(request)
    expect(choices[0]?.message.content).toBe('Hello back!')
    expect(usage?.total_tokens).toBe(7)
    expect(_request_id).toMatch(/^[\da-f-]{36}$/)
    expect(model.requests).toEqual([{ ...request, stream: false }])
  })

  it('streams, with the tokens used at the end', async () => {
    const text = 'Grüße, 世界! 👩‍👩‍👧 '.repeat(30)
    model.complete = (response) => response.end(completionOf({ content: text }))
    const stream = await openai().chat.completions.create({
      model: 'm',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    })
    let received = ''
    let chunks = 0
    let tokens: number | undefined
    for await (const { choices, usage } of stream) {
      received += choices[0]?.delta.content ?? ''
      tokens = usage?.total_tokens ?? tokens
      chunks++
    }
    expect(received).toBe(text)
    expect(chunks).toBeGreaterThan(3)
    expect(tokens).toBe(7)
  })

  it('calls tools', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }
    model.complete = (response) => response.end(completionOf({ content: null, tool_calls: [call] }))
    const tools = [{ type: 'function' as const, function: { name: 'f', parameters: {} } }]
    const { choices } = await openai().chat.completions.create({ model: 'm', messages, tools })
    expect(choices[0]?.message.tool_calls).toEqual([call])
    const streamed = await openai()
      .chat.completions.stream({ model: 'm', messages, tools })
      .finalMessage()
    expect(streamed.tool_calls).toMatchObject([call])
    expect(model.requests).toMatchObject([{ tools }, { tools }])
  })

  it('parses structured output', async () => {
    model.complete = (response) => response.end(completionOf({ content: '{"city":"Berlin"}' }))
    const format = zodResponseFormat(z.object({ city: z.string() }), 'place')
    const { choices } = await openai().chat.completions.parse({
      model: 'm',
      messages,
      response_format: format,
    })
    expect(choices[0]?.message.parsed).toEqual({ city: 'Berlin' })
    expect(model.requests).toMatchObject([{ response_format: { type: 'json_schema' } }])
  })

  it('lists models', async () => {
    const names = []
    for await (const { id } of openai().models.list()) names.push(id)
    expect(names).toEqual(['m'])
    expect(await openai().models.retrieve('m')).toMatchObject({ id: 'm', object: 'model' })
    const missing = { status: 404, code: 'model_not_found' }
    for (const name of ['n', 'a/b', '%6d']) {
      await expect(openai().models.retrieve(name)).rejects.toMatchObject(missing)
    }
  })

  it('gets its own error classes: a wrong token, a refused request, a failing model server', async () => {
    const create = (client: OpenAI, body: object = {}) =>
      client.chat.completions.create({ model: 'm', messages, ...body })
    const stranger = openai('another-token-0123456789')
    const wrongToken = { status: 401, code: 'ERR_LOCAL_TOKEN' }
    await expect(create(stranger)).rejects.toMatchObject(wrongToken)
    await expect(stranger.models.list()).rejects.toMatchObject(wrongToken)
    const invalid = { status: 400, code: 'ERR_INVALID_REQUEST' }
    await expect(create(openai(), { messages: [] })).rejects.toMatchObject(invalid)
    model.complete = (response) =>
      response.writeHead(404).end('{"error":{"message":"no such model"}}')
    await expect(create(openai())).rejects.toMatchObject({ status: 404 })
    const moderation = openai().moderations.create({ model: 'm', input: 'x' })
    await expect(moderation).rejects.toMatchObject({ status: 404, code: 'ERR_NOT_FOUND' })
    model.complete = (response) => response.writeHead(500).end('{}')
    await expect(create(openai())).rejects.toMatchObject({ status: 500 })
  })

  it('aborts, and the model server is disconnected', async () => {
    const controller = new AbortController()
    const closed = new Promise<void>((resolve) => {
      model.complete = (response) => {
        response.on('close', resolve)
        controller.abort()
      }
    })
    const asked = openai().chat.completions.create(
      { model: 'm', messages },
      { signal: controller.signal },
    )
    await expect(asked).rejects.toBeInstanceOf(APIUserAbortError)
    await closed
    await expect
      .poll(() => proxy().log())
      .toMatch(/ method=POST route=\/v1\/chat\/completions status=null durationMs=\d+/)
    model.complete = (response) => response.end(completionOf({ content: 'still here' }))
    const { choices } = await openai().chat.completions.create({ model: 'm', messages })
    expect(choices[0]?.message.content).toBe('still here')
  })
})
