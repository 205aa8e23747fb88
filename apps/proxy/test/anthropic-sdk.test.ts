import Anthropic from '@anthropic-ai/sdk'
import { completionOf, shared } from '@nomyo-internal/testing'
import { beforeEach, describe, expect, it } from 'vitest'
import { TOKEN, ask, newProxy, useGateway, useModel } from './support.js'

const model = useModel()
const gateway = useGateway(model.engine)
const proxy = shared(() => newProxy(gateway(), ['--security-tier', 'high']))

beforeEach(() => {
  model.requests.length = 0
  model.complete = (response) => response.end(completionOf({ content: 'Hello back!' }))
})

const anthropic = (apiKey: string | null = TOKEN, more: object = {}): Anthropic =>
  new Anthropic({ apiKey, baseURL: proxy().url, maxRetries: 0, logLevel: 'off', ...more })

const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Hello!' }]
const basic = { model: 'm', max_tokens: 100, messages }
const PNG = 'iVBORw0KGgo='

const weather: Anthropic.Tool = {
  name: 'weather',
  description: 'Tells the weather.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
}
const call = {
  id: 'call_1',
  type: 'function',
  function: { name: 'weather', arguments: '{"city":"Köln"}' },
}

/** Makes the model answer with these members of a completion and its first choice. */
function answerWith(choice: object, completion: object = {}): void {
  model.complete = (response) =>
    response.end(
      JSON.stringify({
        id: 'c1',
        object: 'chat.completion',
        model: 'm',
        ...completion,
        choices: [choice],
      }),
    )
}

/** Creates a message, and expects the SDK's error. */
async function failureOf(
  params: object,
  client = anthropic(),
): Promise<InstanceType<typeof Anthropic.APIError>> {
  return client.messages.create({ ...basic, ...params }).then(
    () => {
      throw new Error('the request succeeded')
    },
    (error: unknown) => error as InstanceType<typeof Anthropic.APIError>,
  )
}

describe("Anthropic's SDK through the proxy", () => {
  it('gets a message, and its request reaches the model as a chat completion', async () => {
    answerWith(
      { index: 0, message: { role: 'assistant', content: 'Hello back!' }, finish_reason: 'stop' },
      {
        usage: {
          prompt_tokens: 12,
          completion_tokens: 5,
          prompt_tokens_details: { cached_tokens: 4 },
        },
      },
    )
    const message = await anthropic().messages.create({
      ...basic,
      system: [
        { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } },
        { type: 'text', text: 'Be kind.' },
      ],
      // Older versions have these.
      ...({ temperature: 0.5, top_p: 0.9, top_k: 40 } as object),
      stop_sequences: ['END'],
      metadata: { user_id: 'u1' },
      thinking: { type: 'disabled' },
    })
    expect(message).toMatchObject({
      id: 'msg_c1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [{ type: 'text', text: 'Hello back!' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 8, output_tokens: 5, cache_read_input_tokens: 4 },
    })
    expect(message._request_id).toMatch(/^[\da-f-]{36}$/)
    expect(model.requests).toEqual([
      {
        model: 'm',
        max_tokens: 100,
        messages: [{ role: 'system', content: 'Be brief.\n\nBe kind.' }, ...messages],
        temperature: 0.5,
        top_p: 0.9,
        top_k: 40,
        stop: ['END'],
        user: 'u1',
        stream: false,
      },
    ])
  })

  it.each([
    [{ finish_reason: 'length' }, { stop_reason: 'max_tokens', stop_sequence: null }],
    [{ finish_reason: 'content_filter' }, { stop_reason: 'refusal', stop_sequence: null }],
    [
      { finish_reason: 'stop', stop_reason: 'END' },
      { stop_reason: 'stop_sequence', stop_sequence: 'END' },
    ],
    [
      { finish_reason: 'stop', stop_reason: 'other' },
      { stop_reason: 'end_turn', stop_sequence: null },
    ],
    [
      { finish_reason: 'stop', stop_reason: 2 },
      { stop_reason: 'end_turn', stop_sequence: null },
    ],
  ])('gets the reason for the end of %j', async (choice, expected) => {
    answerWith({ index: 0, message: { role: 'assistant', content: 'x' }, ...choice })
    const message = await anthropic().messages.create({ ...basic, stop_sequences: ['END'] })
    expect(message).toMatchObject(expected)
    const streamed = await anthropic()
      .messages.stream({ ...basic, stop_sequences: ['END'] })
      .finalMessage()
    expect(streamed).toMatchObject(expected)
  })

  it('sends images and documents, and results of tools with images', async () => {
    const image = {
      type: 'image' as const,
      source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG },
    }
    await anthropic().messages.create({
      ...basic,
      tools: [weather],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            image,
            { type: 'image', source: { type: 'url', url: 'https://images.example/a.png' } },
            {
              type: 'document',
              title: 'Notes',
              source: { type: 'text', media_type: 'text/plain', data: 'remember' },
            },
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' },
            },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'text', text: 'Let me see.' },
            { type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Köln' } },
            { type: 'tool_use', id: 't2', name: 'weather', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Here you are.' },
            {
              type: 'tool_result',
              tool_use_id: 't1',
              content: [{ type: 'text', text: 'sun' }, image],
            },
            { type: 'tool_result', tool_use_id: 't2', is_error: true, content: 'no city' },
          ],
        },
      ],
    })
    const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }
    expect(model.requests[0]?.['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          picture,
          { type: 'image_url', image_url: { url: 'https://images.example/a.png' } },
          { type: 'text', text: 'Notes\n\nremember' },
          {
            type: 'file',
            file: { filename: 'document.pdf', file_data: 'data:application/pdf;base64,JVBERg==' },
          },
        ],
      },
      {
        role: 'assistant',
        content: 'Let me see.',
        tool_calls: [
          {
            id: 't1',
            type: 'function',
            function: { name: 'weather', arguments: '{"city":"Köln"}' },
          },
          { id: 't2', type: 'function', function: { name: 'weather', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 't1', content: 'sun' },
      { role: 'tool', tool_call_id: 't2', content: 'Error: no city' },
      { role: 'user', content: [{ type: 'text', text: 'Here you are.' }, picture] },
    ])
  })

  it('calls tools, whole and streamed', async () => {
    model.complete = (response) =>
      response.end(
        completionOf({ content: 'Let me see.', tool_calls: [call, { ...call, id: 'call_2' }] }),
      )
    const asked = {
      ...basic,
      tools: [weather],
      tool_choice: { type: 'any' as const, disable_parallel_tool_use: true },
    }
    const expected = {
      stop_reason: 'tool_use',
      content: [
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Köln' } },
        { type: 'tool_use', id: 'call_2', name: 'weather', input: { city: 'Köln' } },
      ],
    }
    expect(await anthropic().messages.create(asked)).toMatchObject(expected)
    expect(await anthropic().messages.stream(asked).finalMessage()).toMatchObject(expected)
    expect(model.requests[0]).toMatchObject({
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Tells the weather.',
            parameters: weather.input_schema,
          },
        },
      ],
      tool_choice: 'required',
      parallel_tool_calls: false,
    })
  })

  it.each([
    [{ type: 'auto' as const }, 'auto'],
    [{ type: 'none' as const }, 'none'],
    [
      { type: 'tool' as const, name: 'weather' },
      { type: 'function', function: { name: 'weather' } },
    ],
  ])('chooses tools by %j', async (tool_choice, expected) => {
    await anthropic().messages.create({ ...basic, tools: [weather], tool_choice })
    expect(model.requests[0]).toMatchObject({ tool_choice: expected })
  })

  it('asks for structured output and effort', async () => {
    const schema = { type: 'object' as const, properties: {} }
    await anthropic().messages.create({
      ...basic,
      output_config: { effort: 'max', format: { type: 'json_schema', schema } },
    })
    expect(model.requests[0]).toMatchObject({
      reasoning_effort: 'high',
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'output', schema, strict: true },
      },
    })
  })

  it('sees the reasoning of the model if it asks for it', async () => {
    model.complete = (response) =>
      response.end(completionOf({ content: 'Yes.', reasoning_content: 'Hm.' }))
    const thinking = { type: 'enabled' as const, budget_tokens: 1024 }
    const expected = [
      { type: 'thinking', thinking: 'Hm.', signature: '' },
      { type: 'text', text: 'Yes.' },
    ]
    const asked = { ...basic, max_tokens: 2000 }
    expect((await anthropic().messages.create({ ...asked, thinking })).content).toMatchObject(
      expected,
    )
    expect((await anthropic().messages.create(asked)).content).toMatchObject([expected[1]])
  })

  it('streams the events of a message in order', async () => {
    const text = 'Grüße, 世界! 👩‍👩‍👧 '.repeat(30)
    model.complete = (response) => response.end(completionOf({ content: text }))
    const stream = await anthropic().messages.create({ ...basic, stream: true })
    const types: string[] = []
    let received = ''
    for await (const event of stream) {
      if (types.at(-1) !== event.type) types.push(event.type)
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
        received += event.delta.text
      }
      if (event.type === 'message_start')
        expect(event.message).toMatchObject({ content: [], role: 'assistant' })
      if (event.type === 'message_delta') {
        expect(event).toMatchObject({
          delta: { stop_reason: 'end_turn', stop_sequence: null },
          usage: { input_tokens: expect.any(Number), output_tokens: expect.any(Number) },
        })
      }
    }
    expect(received).toBe(text)
    expect(types).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    const { usage } = await anthropic().messages.stream(basic).finalMessage()
    expect(usage.input_tokens + usage.output_tokens).toBe(7)
  })

  it('accepts the token as its API key and as its auth token', async () => {
    expect((await anthropic(null, { authToken: TOKEN }).messages.create(basic)).role).toBe(
      'assistant',
    )
    expect(await failureOf({}, anthropic('another-token-0123456789'))).toMatchObject({
      status: 401,
      type: 'authentication_error',
    })
  })

  it('gets its own error classes, in its own shape', async () => {
    const wrong = await failureOf({ messages: [] })
    expect(wrong).toBeInstanceOf(Anthropic.BadRequestError)
    expect(wrong.error).toEqual({
      type: 'error',
      error: {
        type: 'invalid_request_error',
        message: expect.any(String),
        code: 'ERR_INVALID_REQUEST',
      },
      request_id: null,
    })
    for (const [status, type, kind] of [
      [404, 'not_found_error', Anthropic.NotFoundError],
      [429, 'rate_limit_error', Anthropic.RateLimitError],
      [500, 'api_error', Anthropic.InternalServerError],
    ] as const) {
      model.complete = (response) =>
        response.writeHead(status).end('{"error":{"message":"words of the model server"}}')
      for (const stream of [false, true]) {
        const failure = await failureOf({ stream })
        expect(failure).toBeInstanceOf(kind)
        expect(failure).toMatchObject({ status, type })
        expect(failure.message).toContain('words of the model server')
        expect(failure.requestID).toMatch(/^[\da-f-]{36}$/)
      }
    }
    const count = anthropic().messages.countTokens({ model: 'm', messages })
    await expect(count).rejects.toMatchObject({
      status: 404,
      type: 'not_found_error',
      error: { error: { code: 'ERR_ROUTE' } },
    })
    const batch = anthropic().messages.batches.list()
    await expect(batch).rejects.toMatchObject({ status: 404, type: 'not_found_error' })
  })

  it.each<[string, object]>([
    ['no counterpart', { mcp_servers: [{ type: 'url', url: 'https://x.example', name: 'x' }] }],
    ['a container', { container: 'c1' }],
    ['a tool of the provider', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['no limit', { max_tokens: undefined }],
    ['a limit of nothing', { max_tokens: 0 }],
    ['a prefill', { messages: [...messages, { role: 'assistant', content: 'The answer is' }] }],
    [
      'a stored file',
      {
        messages: [
          { role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }] },
        ],
      },
    ],
    ['an unknown block', { messages: [{ role: 'user', content: [{ type: 'server_tool_use' }] }] }],
    ['an unknown role', { messages: [{ role: 'tool', content: 'x' }] }],
    ['empty content', { messages: [{ role: 'user', content: [] }] }],
    [
      'a result without a call',
      { messages: [{ role: 'user', content: [{ type: 'tool_result', content: 'x' }] }] },
    ],
    ['a system prompt with an image', { system: [{ type: 'image' }] }],
    ['an unknown choice', { tools: [weather], tool_choice: { type: 'some' } }],
    ['an unknown effort', { output_config: { effort: 'constructor' } }],
    ['a wrong number', { temperature: 'hot' }],
    ['an unknown tier', { security_tier: 'maximum' }],
    ['a key for the gateway', { api_key: 'k'.repeat(20) }],
  ])('is refused with %s, and nothing is sent', async (_what, params) => {
    expect(await failureOf(params)).toMatchObject({ status: 400, type: 'invalid_request_error' })
    expect(model.requests).toEqual([])
  })

  it('lists models in its shape', async () => {
    const models = []
    for await (const info of anthropic().models.list()) models.push(info)
    expect(models).toMatchObject([{ type: 'model', id: 'm', display_name: 'm' }])
    expect(await anthropic().models.retrieve('m')).toMatchObject({ type: 'model', id: 'm' })
    await expect(anthropic().models.retrieve('n')).rejects.toMatchObject({
      type: 'not_found_error',
    })
  })

  it('aborts a stream, and the model server is disconnected', async () => {
    const closed = new Promise<void>((resolve) => {
      model.complete = (response) => {
        response.on('close', resolve)
        stream.abort()
      }
    })
    const stream = anthropic().messages.stream(basic)
    await expect(stream.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIUserAbortError)
    await closed
  })
})

describe('a message that is no message', () => {
  const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    ask(`${proxy().url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': TOKEN, 'content-type': 'application/json', ...headers },
      body,
    })
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)

  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['not JSON', 'model=m'],
    ['null', 'null'],
    ['a list', '[]'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['deep nesting', `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":${deep}}]}`],
    [
      'a deep input',
      `{"model":"m","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":{"x":${deep}}}]},{"role":"user","content":"x"}]}`,
    ],
    [
      'a deep schema',
      `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"a","input_schema":{"x":${deep}}}]}`,
    ],
  ])('of %s is refused', async (_what, body) => {
    const answer = await post(body)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', code: 'ERR_INVALID_REQUEST' },
    })
  })

  it('has the shape of this API also where the proxy refuses it before it is read', async () => {
    for (const [headers, status, type] of [
      [{ 'x-api-key': 'wrong' }, 401, 'authentication_error'],
      [{ origin: 'https://evil.example' }, 403, 'permission_error'],
      [{ 'content-type': 'text/plain' }, 415, 'invalid_request_error'],
    ] as const) {
      const answer = await post('{}', headers)
      expect(answer.status).toBe(status)
      expect(JSON.parse(answer.body)).toMatchObject({ type: 'error', error: { type } })
    }
    const unread = await ask(`${proxy().url}/v1/messages`, { headers: { 'x-api-key': TOKEN } })
    expect(unread.status).toBe(405)
    expect(JSON.parse(unread.body)).toMatchObject({ type: 'error' })
    const large = await post(`{"a":"${'x'.repeat(11 * 2 ** 20)}"}`)
    expect(large.status).toBe(413)
    expect(JSON.parse(large.body)).toMatchObject({ error: { type: 'request_too_large' } })
  })
})

describe('an answer that is no answer', () => {
  it.each<[string, object]>([
    [
      'arguments that are no JSON',
      { message: { tool_calls: [{ function: { name: 'a', arguments: '{"a' } }] } },
    ],
    [
      'arguments that are a list',
      { message: { tool_calls: [{ function: { name: 'a', arguments: '[]' } }] } },
    ],
    ['a call without a name', { message: { tool_calls: [{ function: {} }] } }],
  ])('with %s is a 502', async (_what, choice) => {
    answerWith(choice)
    const failure = await failureOf({})
    expect(failure).toMatchObject({ status: 502, type: 'api_error' })
  })
})
