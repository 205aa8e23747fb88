import {
  SCRIPTED_AUDIO,
  SCRIPTED_TEXT,
  expectCode,
  makeKeyDir,
  startScriptedModel,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SecureChatCompletion } from '../../src/index.js'
// Not a dependency: the gateway depends on this client, by way of its page.
import { createGateway } from '../../../../apps/gateway/dist/index.js'

const TEXT = SCRIPTED_TEXT.join('')
const hello = [{ role: 'user' as const, content: 'Hello!' }]

let client: SecureChatCompletion
let close: () => Promise<unknown>

beforeAll(async () => {
  const model = await startScriptedModel()
  const gateway = await createGateway({
    host: '127.0.0.1',
    port: 0,
    engine: { kind: 'openai', baseUrl: model.url, apiKey: undefined },
    keyDir: makeKeyDir(
      { 'private_key.pem': 'server', 'public_key.pem': 'server.public.pem' },
      temporaryFolder(),
    ),
    maxBodyBytes: 2 ** 20,
    logLevel: 'silent',
  })
  client = new SecureChatCompletion({
    baseUrl: gateway.url,
    allowHttp: true,
    logger: { warn: () => undefined },
    wire: 2,
  })
  close = async () => {
    client.dispose()
    await gateway.close()
    model.stop()
  }
})
afterAll(() => close())

/** Reads all texts of a streamed completion. */
async function textOf(model: string, seen: string[] = []): Promise<string> {
  const stream = await client.chat.completions.create({ model, messages: hello, stream: true })
  for await (const { choices } of stream) seen.push(choices[0]?.delta.content ?? '')
  return seen.join('')
}

describe('over a real gateway', () => {
  it('a chat completion is streamed, with its usage where that is asked for', async () => {
    expect(await textOf('m')).toBe(TEXT)
    const usage: unknown[] = []
    const stream = await client.chat.completions.create({
      model: 'm',
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    })
    for await (const chunk of stream) if (chunk.usage) usage.push(chunk.usage.total_tokens)
    expect(usage).toEqual([7])
  })

  it('a stream that its model loses, or ends with an error, is an error after its parts', async () => {
    const seen: string[] = []
    await expectCode(textOf('lost', seen), 'ERR_TRUNCATED')
    expect(seen.join('')).not.toBe('')
    for (const model of ['failing', 'unfinished']) {
      await expect(textOf(model)).rejects.toMatchObject({ authenticated: true })
    }
    await expect(textOf('no-model')).rejects.toMatchObject({ sealedError: { status: 404 } })
  })

  it('an endless stream ends with its reader', async () => {
    const stream = await client.chat.completions.create({
      model: 'endless',
      messages: hello,
      stream: true,
    })
    let chunks = 0
    for await (const { id } of stream) if (id !== '' && ++chunks === 3) break
    expect(chunks).toBe(3)
  })

  it('tools are called in a stream', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'weather' } }]
    const stream = await client.chat.completions.create({
      model: 'm',
      messages: hello,
      tools,
      stream: true,
    })
    let called = ''
    for await (const { choices } of stream) {
      called += choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? ''
    }
    expect(JSON.parse(called)).toEqual({ city: 'Rome' })
  })

  it('an answer is parsed with a schema', async () => {
    const { choices } = await client.chat.completions.parse({
      model: 'm',
      messages: hello,
      response_format: z.object({ answer: z.number() }),
    })
    expect(choices[0]?.message.parsed).toEqual({ answer: 42 })
  })

  it('responses come whole and streamed', async () => {
    const whole = await client.responses.create({ model: 'm', input: 'Hello!' })
    expect(whole.output_text).toBe(TEXT)
    const stream = await client.responses.create({ model: 'm', input: 'Hello!', stream: true })
    let text = ''
    const types: string[] = []
    for await (const event of stream) {
      types.push(event.type)
      if (event.type === 'response.output_text.delta') text += event.delta
    }
    expect(text).toBe(TEXT)
    expect(types.at(-1)).toBe('response.completed')
    const stateful = { model: 'm', input: 'x', previous_response_id: 'r' }
    await expect(client.responses.create(stateful)).rejects.toMatchObject({ statusCode: 400 })
  })

  it('every other resource answers', async () => {
    const { data } = await client.embeddings.create({ model: 'm', input: ['a', 'b'] })
    expect(data.map(({ embedding }) => embedding)).toEqual([
      [0.25, -0.5, 1],
      [0.25, -0.5, 1],
    ])
    const images = await client.images.generate({ model: 'm', prompt: 'a cat' })
    expect(images.data).toEqual([{ b64_json: 'iVBORw0KGgo=' }])
    const speech = await client.audio.speech.create({ model: 'm', input: 'Hi', voice: 'v' })
    expect(new Uint8Array(await speech.arrayBuffer())).toEqual(SCRIPTED_AUDIO)
    const file = new File([SCRIPTED_AUDIO], 'a.wav')
    expect(await client.audio.transcriptions.create({ file, model: 'm' })).toMatchObject({
      text: TEXT,
    })
    expect(await client.audio.translations.create({ file, model: 'm' })).toMatchObject({
      text: TEXT,
    })
    const models = await client.models.list()
    expect(models.data.map(({ id }) => id)).toContain('m')
    expect(await client.models.retrieve('m')).toMatchObject({ id: 'm' })
    await expect(client.models.retrieve('none')).rejects.toMatchObject({
      statusCode: 404,
      authenticated: true,
    })
  })
})
