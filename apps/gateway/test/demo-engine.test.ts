import { describe, expect, it } from 'vitest'
import {
  chat,
  complete,
  expectAlive,
  fileGateway,
  type Completion,
  type ToolCall,
} from './support.js'
import { embed } from '../src/upstreams/demo/routes/embeddings.js'

const gateway = await fileGateway()

const LABEL = 'nomyo-demo-engine'
const ask = (request: object): Promise<Completion> => complete(gateway, request)
const contentOf = ({ choices }: Completion): string | null => choices[0].message.content

describe('nomyo/echo', () => {
  it.each([
    ['a text', 'Hello!'],
    ['nothing', ''],
    ['blanks', '  \n\t '],
    ['unicode', 'h\u00e9llo \u4f60\u597d \u{1f600} e\u0301 \u202e \u2028'],
    ['control characters', '\u0000\u001b[2J\u007f'],
    ['a half surrogate pair', 'a\ud800b'],
    ['what looks like JSON', '{"model":"x"}"\\'],
    ['a long text', 'x'.repeat(100_000)],
  ])('answers exactly the last content: %s', async (_what, content) => {
    const completion = await ask(chat(content))
    expect(contentOf(completion)).toBe(content)
    expect(completion.system_fingerprint).toBe(LABEL)
  })

  it('answers the last message only', async () => {
    const messages = ['first', 'second', 'third'].map((content) => ({ role: 'user', content }))
    expect(contentOf(await ask({ model: 'nomyo/echo', messages }))).toBe('third')
  })

  it.each([
    ['one', [{ type: 'text', text: 'one' }], 'one'],
    [
      'two',
      [
        { type: 'text', text: 'one ' },
        { type: 'text', text: 'two' },
      ],
      'one two',
    ],
    [
      'an image between',
      [{ text: 'a' }, { type: 'image_url', image_url: {} }, { text: 'b' }],
      'ab',
    ],
    ['none', [], ''],
    ['of no sense', [null, 7, 'x', [], { text: 7 }], ''],
  ])('joins text parts: %s', async (_what, parts, expected) => {
    expect(contentOf(await ask(chat(parts)))).toBe(expected)
  })

  it.each([null, 7, true, { text: 'x' }, undefined])(
    'answers an empty text to content of another type: %s',
    async (content) => {
      expect(contentOf(await ask(chat(content)))).toBe('')
    },
  )
})

describe('any other model', () => {
  it.each(['Qwen/Qwen3-0.6B', 'nomyo/echo2', '\u{1f600}'])(
    'is answered with a label, not with the prompt: %s',
    async (model) => {
      const completion = await ask(chat('canary', { model }))
      expect(completion.model).toBe(model)
      expect(completion.system_fingerprint).toBe(LABEL)
      expect(contentOf(completion)).toContain('demo engine')
      expect(contentOf(completion)).not.toContain('canary')
    },
  )
})

describe('an answer', () => {
  it('has the members of a chat completion', async () => {
    const completion = await ask(chat('Hello!', { stream: true, n: 3, temperature: 0 }))
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/) as string,
      object: 'chat.completion',
      created: expect.any(Number) as number,
      choices: [
        { index: 0, finish_reason: 'stop', logprobs: null, message: { role: 'assistant' } },
      ],
    })
    expect(completion.choices).toHaveLength(1)
    const { usage } = completion
    expect(usage['prompt_tokens']).toBeGreaterThan(0)
    expect(usage['completion_tokens']).toBeGreaterThan(0)
    expect(usage['total_tokens']).toBe(usage['prompt_tokens']! + usage['completion_tokens']!)
  })
})

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        location: { type: 'string' },
        unit: { enum: ['celsius', 'fahrenheit'] },
        days: { type: 'integer', minimum: 3 },
        hours: { type: 'array', items: { type: 'number' } },
        exact: { type: ['boolean', 'null'] },
        kind: { const: 'forecast' },
        place: {
          type: 'object',
          properties: { name: { type: 'string' }, note: { type: 'string' } },
          required: ['name'],
        },
        optional: { type: 'string' },
      },
      required: ['location', 'unit', 'days', 'hours', 'exact', 'kind', 'place'],
    },
  },
}
const time = { type: 'function', function: { name: 'get_time' } }
const withTools = (members: Record<string, unknown> = {}): object =>
  chat('What is the weather?', { tools: [weather, time], ...members })

function toolCallsOf({ choices: [choice] }: Completion): ToolCall[] {
  expect(choice.finish_reason).toBe('tool_calls')
  expect(choice.message.content).toBeNull()
  const calls = choice.message.tool_calls ?? []
  for (const call of calls) {
    expect(call.type).toBe('function')
    expect(call.id).toMatch(/^call_\w+$/)
  }
  return calls
}

const namesOf = (completion: Completion): string[] =>
  toolCallsOf(completion).map((call) => call.function.name)

function expectText(completion: Completion): void {
  const [{ finish_reason: finishReason, message }] = completion.choices
  expect(finishReason).toBe('stop')
  expect(message.content).toBeTypeOf('string')
  expect(message).not.toHaveProperty('tool_calls')
}

describe('tools', () => {
  it.each([undefined, 'auto', 'required', { type: 'function' }, 7])(
    'are called, the first of them, with tool_choice %j',
    async (choice) => {
      const completion = await ask(withTools({ tool_choice: choice }))
      expect(namesOf(completion)).toEqual(['get_weather'])
    },
  )

  it('are called by the name that is chosen', async () => {
    const choose = (name: string) =>
      ask(withTools({ tool_choice: { type: 'function', function: { name } } }))
    expect(namesOf(await choose('get_time'))).toEqual(['get_time'])
    expect(namesOf(await choose('get_weather'))).toEqual(['get_weather'])
  })

  it('are called with arguments of the required members and their types', async () => {
    const [call] = toolCallsOf(await ask(withTools()))
    expect(JSON.parse(call!.function.arguments)).toEqual({
      location: expect.any(String) as string,
      unit: 'celsius',
      days: 3,
      hours: [expect.any(Number) as number],
      exact: true,
      kind: 'forecast',
      place: { name: expect.any(String) as string },
    })
  })

  it('without parameters are called with an empty object', async () => {
    const [call] = toolCallsOf(await ask(chat('When?', { tools: [time] })))
    expect(JSON.parse(call!.function.arguments)).toEqual({})
  })

  it('are called by another id each time', async () => {
    const calls = await Promise.all([ask(withTools()), ask(withTools())])
    const [first, second] = calls.map((completion) => toolCallsOf(completion)[0]!.id)
    expect(first).not.toBe(second)
  })

  it.each([
    ['they are switched off', withTools({ tool_choice: 'none' })],
    ['there are none', chat('Hello!', { tools: [] })],
    ['they are of no sense', chat('Hello!', { tools: [null, 7, {}, { function: {} }] })],
    ['they are no list', chat('Hello!', { tools: { function: { name: 'f' } } })],
    [
      'a result has just come',
      {
        ...withTools(),
        messages: [
          { role: 'user', content: 'What is the weather?' },
          { role: 'assistant', content: null, tool_calls: [] },
          { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
        ],
      },
    ],
  ])('are not called where %s', async (_why, request) => {
    expectText(await ask(request))
  })

  it('are called again in the next turn', async () => {
    const messages = [
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
      { role: 'assistant', content: 'It is sunny.' },
      { role: 'user', content: 'And tomorrow?' },
    ]
    expect(namesOf(await ask({ ...withTools(), messages }))).toEqual(['get_weather'])
  })
})

describe('a hostile schema', () => {
  const callWith = async (parameters: unknown): Promise<string> => {
    const tools = [{ type: 'function', function: { name: 'f', parameters } }]
    const [call] = toolCallsOf(await ask(chat('x', { tools })))
    return call!.function.arguments
  }

  /** A schema around another, by its member names. */
  const nested = (names: string[], inner: unknown): unknown => ({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, inner])),
    required: names,
  })

  it('may be as deep as a request may be', async () => {
    let schema: unknown = { type: 'string' }
    for (let depth = 0; depth < 100; depth++) schema = nested(['a'], schema)
    const value: unknown = JSON.parse(await callWith(schema))
    expect(value).toHaveProperty('a.a.a.a')
  })

  it('may be an array of arrays', async () => {
    let schema: unknown = { type: 'string' }
    for (let depth = 0; depth < 200; depth++) schema = { type: 'array', items: schema }
    expect(JSON.parse(await callWith(schema))).toBeInstanceOf(Array)
  })

  it('takes no more time for naming a member many times', async () => {
    let schema: unknown = { type: 'string' }
    for (let depth = 0; depth < 8; depth++) {
      schema = { type: 'object', properties: { a: schema }, required: Array(50).fill('a') }
    }
    const start = performance.now()
    expect(JSON.parse(await callWith(schema))).toHaveProperty('a.a.a')
    expect(performance.now() - start).toBeLessThan(3000)
    await expectAlive(gateway)
  }, 5000)

  it('with members named like those of every object does no harm', async () => {
    const text = `{"type":"object","required":["__proto__","constructor","toString","a"],
      "properties":{"__proto__":{"type":"object","properties":{"polluted":{"const":"yes"}},
      "required":["polluted"]},"constructor":{"type":"string"},"a":{"type":"string"}}}`
    const value = JSON.parse(await callWith(JSON.parse(text))) as Record<string, unknown>
    expect(Object.keys(value).sort()).toEqual(['__proto__', 'a', 'constructor'])
    const after = await ask(chat('clean'))
    expect(JSON.stringify(after)).not.toContain('polluted')
    expect(namesOf(await ask(chat('x', { tools: [time] })))).toEqual(['get_time'])
  })

  it.each([
    ['null', null],
    ['a text', 'object'],
    ['a list', []],
    ['nothing but a type', { type: 'object' }],
    ['types of no sense', { type: 7 }],
    ['an empty list of types', { type: [] }],
    ['properties of no sense', { type: 'object', properties: [1], required: ['0'] }],
    ['required of no sense', { type: 'object', properties: { a: {} }, required: [7, null, 'b'] }],
    ['an empty enum', { type: 'object', properties: { a: { enum: [] } }, required: ['a'] }],
  ])('may be %s', async (_what, parameters) => {
    expect(JSON.parse(await callWith(parameters))).toBeTypeOf('object')
    await expectAlive(gateway)
  })
})

describe('embeddings', () => {
  const vectors = (input: unknown, members = {}): number[][] => {
    const { data } = embed({ model: 'm', dimensions: 64, ...members, input })
    return (data as { embedding: number[] }[]).map(({ embedding }) => embedding)
  }
  const product = (a: number[] = [], b: number[] = []) =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0)

  it('of texts that share words are near each other, and have length 1', () => {
    const [question, near, far] = vectors(['What do cats eat?', 'Cats eat mice.', 'Rust on iron'])
    expect(product(question, near)).toBeGreaterThan(0.5)
    expect(product(question, far)).toBeLessThan(0.2)
    expect(product(near, near)).toBeCloseTo(1)
  })

  it('of texts that differ in case and punctuation are the same', () => {
    const [one, other] = vectors(['Cats, and mice', 'cats AND mice!'])
    expect(one).toEqual(other)
  })

  it.each([
    ['nothing', ''],
    ['no word', '\u{1f600}'],
    ['tokens', [[1, 2]]],
  ])('exist for %s', (_what, input) => {
    const [vector] = vectors(input)
    expect(product(vector, vector)).toBeCloseTo(1)
  })

  it('read the beginnings of texts that are too long together', () => {
    const [one, other] = vectors([`a ${'b '.repeat(300_000)} c`, `a ${'b '.repeat(300_000)} d`])
    expect(one).toEqual(other)
  })
})
