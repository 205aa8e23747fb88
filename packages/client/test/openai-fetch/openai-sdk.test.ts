import OpenAI from 'openai'
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { UNICODE, completionOf, says, useGateways } from './support.js'

type Messages = OpenAI.ChatCompletionMessageParam[]

const user = (content: string): Messages => [{ role: 'user', content }]
/** A request to the demo engine, which repeats the text. */
const echo = (content: string) => ({ model: 'nomyo/echo', messages: user(content) })

const weather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'Tells the weather.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
    },
  },
} as const satisfies OpenAI.ChatCompletionTool

const { openai, upstream, answerWith } = useGateways()

describe('a completion at once', () => {
  it('is the answer of the gateway', async () => {
    const completion = await openai().chat.completions.create(echo(UNICODE))
    expect(completion.choices[0]?.message).toEqual({
      role: 'assistant',
      content: UNICODE,
      refusal: null,
    })
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'nomyo/echo',
      _metadata: { payload_id: completion._request_id, is_encrypted: true },
    })
  })

  it('comes with its response', async () => {
    const { data, response, request_id } = await openai()
      .chat.completions.create(echo('hi'))
      .withResponse()
    expect(data.choices[0]?.message.content).toBe('hi')
    expect(response.headers.get('x-request-id')).toBe(request_id)
    expect(data).toHaveProperty('_request_id', request_id)
    const raw = await openai().chat.completions.create(echo('hi')).asResponse()
    expect(raw.headers.get('content-type')).toBe('application/json')
  })

  it('can hold several choices and a refusal', async () => {
    const refusal = { message: { role: 'assistant', content: null, refusal: 'No.' } }
    answerWith(() => completionOf(says('a'), refusal))
    const request = { model: 'm', n: 2, messages: user('hi') }
    const { choices } = await openai().chat.completions.create(request)
    expect(choices.map(({ message }) => message.content ?? message.refusal)).toEqual(['a', 'No.'])
    expect(upstream.requests).toEqual([{ ...request, stream: false }])
  })

  it('can be parsed with a schema', async () => {
    const Event = z.object({ name: z.string(), people: z.array(z.string()) })
    answerWith(() => completionOf(says('{"name":"fair","people":["Ada"]}')))
    const completion = await openai().chat.completions.parse({
      model: 'm',
      messages: user('hi'),
      response_format: zodResponseFormat(Event, 'event'),
    })
    expect(completion.choices[0]?.message.parsed).toEqual({ name: 'fair', people: ['Ada'] })
    expect(upstream.requests[0]).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { name: 'event', strict: true } },
    })
  })
})

describe('a streamed completion', () => {
  it('reads like any other', async () => {
    const { data: stream, response } = await openai()
      .chat.completions.create({ ...echo(UNICODE), stream: true })
      .withResponse()
    expect(response.headers.get('x-nomyo-stream')).toBe('synthetic')
    const parts: string[] = []
    for await (const chunk of stream) {
      expect(chunk).toMatchObject({
        object: 'chat.completion.chunk',
        system_fingerprint: 'nomyo-demo-engine',
        x_nomyo: { synthetic: true },
      })
      parts.push(chunk.choices[0]?.delta.content ?? '')
    }
    expect(parts.join('')).toBe(UNICODE)
  })

  it('reports the usage on request', async () => {
    answerWith(() => completionOf(says('a'), says('b')))
    const stream = await openai().chat.completions.create({
      model: 'm',
      n: 2,
      messages: user('hi'),
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks.pop()).toMatchObject({ choices: [], usage: { total_tokens: 7 } })
    expect(chunks.every(({ usage }) => usage === null)).toBe(true)
    const texts = [0, 1].map((index) =>
      chunks
        .flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
        .map(({ delta }) => delta.content ?? '')
        .join(''),
    )
    expect(texts).toEqual(['a', 'b'])
    expect(upstream.requests).toEqual([{ model: 'm', n: 2, messages: user('hi'), stream: false }])
  })

  it('gives the stream helper all of its events and the whole completion', async () => {
    const text = UNICODE.repeat(20)
    const stream = openai().chat.completions.stream({
      ...echo(text),
      stream_options: { include_usage: true },
    })
    const seen: string[] = []
    let content = ''
    stream.on('connect', () => seen.push('connect'))
    stream.on('content.delta', ({ delta }) => (content += delta))
    stream.on('content.done', (event) => seen.push(event.content === text ? 'done' : 'other'))
    stream.on('end', () => seen.push('end'))
    const completion = await stream.finalChatCompletion()
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { role: 'assistant', content: text, refusal: null },
    })
    expect((await stream.totalUsage()).total_tokens).toBeGreaterThan(0)
    expect(content).toBe(text)
    expect(seen).toEqual(['connect', 'done', 'end'])
  })

  it('gives the stream helper refusals, log probabilities and parsed content', async () => {
    const token = { token: '{', logprob: -1, bytes: [123], top_logprobs: [] }
    const logprobs = { content: [token], refusal: null }
    answerWith(() => completionOf({ ...says('{"answer":42}'), logprobs }))
    const completion = await openai()
      .chat.completions.stream({
        model: 'm',
        messages: user('hi'),
        response_format: zodResponseFormat(z.object({ answer: z.number() }), 'answer'),
      })
      .finalChatCompletion()
    expect(completion.choices[0]?.message.parsed).toEqual({ answer: 42 })
    expect(completion.choices[0]?.logprobs).toEqual(logprobs)

    answerWith(() =>
      completionOf({ message: { role: 'assistant', content: null, refusal: UNICODE } }),
    )
    const stream = openai().chat.completions.stream({ model: 'm', messages: user('hi') })
    const refusals: string[] = []
    stream.on('refusal.done', ({ refusal }) => refusals.push(refusal))
    expect((await stream.finalMessage()).refusal).toBe(UNICODE)
    expect(refusals).toEqual([UNICODE])
  })

  it('ends early for those who have read enough', async () => {
    const stream = await openai().chat.completions.create({
      ...echo('a'.repeat(1000)),
      stream: true,
    })
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of stream) {
      if (chunks.push(chunk) === 3) break
    }
    expect(chunks).toHaveLength(3)
    expect(stream.controller.signal.aborted).toBe(true)
  })
})

describe('tools', () => {
  it('are called at once and streamed alike', async () => {
    const request = { model: 'm', messages: user('hi'), tools: [weather] }
    const plain = await openai().chat.completions.create(request)
    const expected = {
      id: expect.stringMatching(/^call_/) as string,
      type: 'function',
      function: { name: 'weather', arguments: '{"city":"demo"}' },
    }
    expect(plain.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: null, tool_calls: [expected] },
    })
    const stream = openai().chat.completions.stream(request)
    const calls: unknown[] = []
    stream.on('tool_calls.function.arguments.done', (event) => calls.push(event))
    const { choices } = await stream.finalChatCompletion()
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { content: null, tool_calls: [expected] },
    })
    expect(calls).toMatchObject([{ name: 'weather', index: 0, arguments: '{"city":"demo"}' }])
  })

  it('are called several at a time, beside a text', async () => {
    const tool_calls = ['a', 'b'].map((id) => ({
      id,
      type: 'function' as const,
      function: { name: 'weather', arguments: JSON.stringify({ city: UNICODE + id }) },
    }))
    const message = { role: 'assistant', content: 'Let me look.', tool_calls }
    answerWith(() => completionOf({ message, finish_reason: 'tool_calls' }))
    const final = await openai()
      .chat.completions.stream({ model: 'm', messages: user('hi'), tools: [weather] })
      .finalMessage()
    expect(final.content).toBe('Let me look.')
    expect(final.tool_calls).toMatchObject(tool_calls)
  })

  it('are run until the model is done, at once and streamed', async () => {
    const cities: string[] = []
    const tool = zodFunction({
      name: 'weather',
      parameters: z.object({ city: z.string() }),
      function: ({ city }) => {
        cities.push(city)
        return 'sunny'
      },
    })
    const request = { ...echo('hi'), tools: [tool] }
    // The echo engine calls the tool first, and then repeats what it said.
    expect(await openai().chat.completions.runTools(request).finalContent()).toBe('sunny')
    const streamed = openai().chat.completions.runTools({ ...request, stream: true })
    expect(await streamed.finalContent()).toBe('sunny')
    expect(streamed.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ])
    expect(cities).toEqual(['demo', 'demo'])
  })

  it('may still be the functions of old', async () => {
    const message = {
      role: 'assistant',
      content: null,
      function_call: { name: 'weather', arguments: '{"city":"Rome"}' },
    }
    answerWith(() => completionOf({ message, finish_reason: 'function_call' }))
    const final = await openai()
      .chat.completions.stream({ model: 'm', messages: user('hi'), functions: [weather.function] })
      .finalMessage()
    expect(final).toMatchObject({ function_call: message.function_call })
  })
})
