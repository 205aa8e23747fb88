import { describe, expect, it } from 'vitest'
import { readChatTask } from '../../src/upstreams/embedded/request/chat-task.js'
import { toGrammarSchema } from '../../src/upstreams/embedded/request/grammar-schema.js'
import { readHistory } from '../../src/upstreams/embedded/request/history.js'
import { UpstreamRefusal } from '../../src/upstreams/server/upstream-refusal.js'

/** Returns the error for the caller that a call throws. */
function refusalOf(call: () => unknown): Readonly<Record<string, unknown>> {
  try {
    call()
  } catch (error) {
    if (error instanceof UpstreamRefusal) return { ...error.inner }
    throw error
  }
  throw new Error('not refused')
}

describe('messages', () => {
  const call = (id: string, name: string, text = '{}'): object => ({
    ...{ id, type: 'function', function: { name, arguments: text } },
  })

  it('become a conversation, with the results of calls in the turn of the model', () => {
    expect(
      readHistory([
        { role: 'developer', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [call('1', 'f', '{"x":1}'), call('2', 'g', '')],
        },
        { role: 'tool', tool_call_id: '2', content: 'plain' },
        { role: 'tool', tool_call_id: '1', content: '{"y":2}' },
        { role: 'assistant', content: 'Done.' },
        { role: 'user', content: 'c' },
      ]),
    ).toEqual([
      { type: 'system', text: 'Be brief.' },
      { type: 'user', text: 'ab' },
      {
        type: 'model',
        response: [
          {
            type: 'functionCall',
            name: 'f',
            params: { x: 1 },
            result: { y: 2 },
            startsNewChunk: true,
          },
          { type: 'functionCall', name: 'g', params: {}, result: 'plain', startsNewChunk: false },
          'Done.',
        ],
      },
      { type: 'user', text: 'c' },
      { type: 'model', response: [] },
    ])
  })

  it('tell calls of the same id in different turns apart', () => {
    const turns = ['one', 'two'].flatMap((content) => [
      { role: 'assistant', tool_calls: [call('same', 'f')] },
      { role: 'tool', tool_call_id: 'same', content },
    ])
    const [, turn] = readHistory([{ role: 'user', content: 'a' }, ...turns])
    expect(turn).toMatchObject({ response: [{ result: 'one' }, { result: 'two' }] })
  })

  it.each([
    ['messages.0.role', [{ role: 'function', name: 'f', content: 'x' }]],
    ['messages.0.content', [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }]],
    ['messages.0.content', [{ role: 'user', content: 5 }]],
    [
      'messages.1.tool_calls.0',
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', tool_calls: [call('1', 'f')] },
      ],
    ],
    ['messages.0.tool_calls.0', [{ role: 'assistant', tool_calls: [{ id: '1' }] }]],
    [
      'messages.0.tool_calls.0',
      [
        { role: 'assistant', tool_calls: [call('1', 'f', '[1]')] },
        { role: 'tool', tool_call_id: '1', content: '' },
      ],
    ],
    ['messages.0.tool_calls', [{ role: 'assistant', tool_calls: 'x' }]],
    ['messages.0.tool_call_id', [{ role: 'tool', tool_call_id: '1', content: 'x' }]],
  ])('are refused at %s', (param, messages) => {
    expect(refusalOf(() => readHistory(messages))).toMatchObject({ status: 400, param })
  })
})

describe('a JSON Schema', () => {
  const options = { param: 'schema', strict: true }
  const any = {
    oneOf: [
      { type: ['string', 'number', 'boolean', 'null'] },
      { type: 'object', additionalProperties: true },
      { type: 'array' },
    ],
  }

  it.each([
    [true, any],
    [{}, any],
    [{ type: 'string', title: 'x', default: 'y' }, { type: 'string' }],
    [
      { type: 'string', format: 'date' },
      { type: 'string', format: 'date' },
    ],
    [
      { type: 'string', format: 'email', maxLength: 5 },
      { type: 'string', maxLength: 5 },
    ],
    [
      { type: ['string', 'null'], maxLength: 5 },
      { oneOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }] },
    ],
    [{ allOf: [{ type: 'integer' }] }, { type: 'integer' }],
    [{ type: 'object' }, { type: 'object', properties: {}, additionalProperties: true }],
    [{ properties: { a: { const: 1 } } }, { type: 'object', properties: { a: { enum: [1] } } }],
    [
      { type: 'object', additionalProperties: { type: 'null' }, maxProperties: 2 },
      { type: 'object', properties: {}, additionalProperties: { type: 'null' }, maxProperties: 2 },
    ],
    [
      { items: { type: 'boolean' }, minItems: 1 },
      { type: 'array', items: { type: 'boolean' }, minItems: 1 },
    ],
    [
      { definitions: { a: { type: 'null' } }, $ref: '#/definitions/a' },
      { $ref: '#/$defs/a', $defs: { a: { type: 'null' } } },
    ],
    [
      { type: 'array', items: { $ref: '#' } },
      {
        type: 'array',
        items: { $ref: '#/$defs/__root' },
        $defs: { __root: { type: 'array', items: { $ref: '#/$defs/__root' } } },
      },
    ],
  ])('%j becomes one for grammars', (schema, translated) => {
    expect(toGrammarSchema(schema, options)).toEqual(translated)
  })

  /** Alternatives that begin alike, within each other. */
  const alike = (count: number, levels: number): object => ({
    $ref: '#/$defs/at0',
    $defs: Object.fromEntries(
      Array.from({ length: levels + 1 }, (_, level) => [
        `at${String(level)}`,
        level === levels
          ? { type: 'string' }
          : {
              anyOf: Array.from({ length: count }, (_, at) => ({
                ...{
                  type: 'array',
                  minItems: at,
                  items: { $ref: `#/$defs/at${String(level + 1)}` },
                },
              })),
            },
      ]),
    ),
  })
  const tree = (first: (kind: string) => object): object => ({
    $ref: '#/$defs/node',
    $defs: {
      node: {
        anyOf: ['leaf', 'branch'].map((kind) => ({
          type: 'object',
          properties: { kind: first(kind), child: { $ref: '#/$defs/node' } },
        })),
      },
    },
  })

  it.each([
    ['few alternatives in each other', alike(5, 2)],
    ['alternatives that a tag tells apart', tree((kind) => ({ const: kind }))],
    [
      'many alternatives of different names',
      {
        anyOf: Array.from({ length: 100 }, (_, at) => ({
          ...{ type: 'object', properties: { [`p${String(at)}`]: { type: 'string' } } },
        })),
      },
    ],
    ['any values in any values', { type: 'array', items: { type: 'array', items: {} } }],
  ])('may have %s', (_, schema) => {
    expect(toGrammarSchema(schema, options)).toBeTypeOf('object')
  })

  it.each([
    ['many alternatives in each other', alike(5, 6)],
    ['a tree of alternatives without a tag', tree(() => ({ type: 'string' }))],
    [
      'a tree of alternatives without a tag, or null',
      {
        $ref: '#/$defs/a',
        $defs: {
          a: {
            anyOf: ['x', 'y'].map((name) => ({
              type: 'object',
              properties: {
                same: { anyOf: [{ $ref: '#/$defs/a' }, { type: 'null' }] },
                [name]: { type: 'null' },
              },
            })),
          },
        },
      },
    ],
    [
      'many texts within alternatives',
      {
        ...{
          anyOf: [1, 2, 3].map((minItems) => ({
            type: 'array',
            minItems,
            items: { $ref: '#/$defs/a' },
          })),
        },
        $defs: { a: { enum: Array.from({ length: 3000 }, (_, at) => `x${String(at)}`) } },
      },
    ],
    ['any values as alternatives of each other', tree(() => ({}))],
  ])('may not have %s', (_, schema) => {
    expect(refusalOf(() => toGrammarSchema(schema, options))).toMatchObject({ param: 'schema' })
  })

  const deep = (levels: number): object => (levels === 0 ? {} : { items: deep(levels - 1) })
  it.each<[unknown]>([
    ['text'],
    [false],
    [{ type: 'other' }],
    [{ type: [] }],
    [{ type: 'string', pattern: '.' }],
    [{ type: 'integer', minimum: 1 }],
    [{ allOf: [{}, {}] }],
    [{ enum: [] }],
    [{ enum: [{}] }],
    [{ enum: Array.from({ length: 6000 }, (_, at) => at) }],
    [{ enum: ['x'.repeat(600_000)] }],
    [{ type: 'object', properties: { ['x'.repeat(600_000)]: {} } }],
    [{ $ref: '#/$defs/missing' }],
    [{ $ref: 'https://example.com/schema' }],
    [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }],
    [{ type: 'array', minItems: 5000 }],
    [{ type: 'array', minItems: 3, maxItems: 2 }],
    [{ type: 'string', maxLength: -1 }],
    [{ type: 'object', properties: [] }],
    [{ type: 'object', additionalProperties: false, required: ['a'] }],
    [deep(40)],
    [{ const: 'a\u0000' }],
    [{ type: 'object', properties: { 'a\u0000': {} } }],
    [{ anyOf: Array.from({ length: 6000 }, () => ({})) }],
  ])('that grammars cannot follow is refused: %#', (schema) => {
    expect(refusalOf(() => toGrammarSchema(schema, options))).toMatchObject({
      ...{ status: 400, param: 'schema', code: 'invalid_value' },
    })
  })

  it('that is not strict loses what a grammar cannot follow', () => {
    const schema = { type: 'string', pattern: 'x', maxLength: 1e9 }
    expect(toGrammarSchema(schema, { ...options, strict: false })).toEqual({ type: 'string' })
  })
})

describe('a request', () => {
  const read = (members: object) =>
    readChatTask({ model: 'tiny', messages: [{ role: 'user', content: 'a' }], ...members })

  it('has values for small models by default, and another seed every time', () => {
    const { sampling, maxTokens, format, tools } = read({})
    expect({ sampling, maxTokens, format, tools }).toEqual({
      sampling: {
        ...{ temperature: 0.8, topP: 0.95, topK: 40, minP: 0.05, repeatPenalty: false },
        ...{ seed: expect.any(Number) as number, customStopTriggers: [] },
      },
      ...{ maxTokens: undefined, format: 'text', tools: undefined },
    })
    expect(read({}).sampling.seed).not.toBe(sampling.seed)
  })

  it('has those that it names, and null where it names none', () => {
    const members = {
      temperature: 0,
      top_p: 0.5,
      top_k: 1,
      min_p: 0,
      seed: -1,
      frequency_penalty: -2,
    }
    expect(read({ ...members, stop: 'x', max_tokens: null, n: 1, user: 'u' }).sampling).toEqual({
      ...{ temperature: 0, topP: 0.5, topK: 1, minP: 0, seed: 2 ** 32 - 1 },
      repeatPenalty: {
        penalty: 1,
        frequencyPenalty: -2,
        presencePenalty: 0,
        penalizeNewLine: true,
      },
      customStopTriggers: ['x'],
    })
  })

  it('does not think where it says so', () => {
    expect(read({ reasoning_effort: 'none' }).skipsThoughts).toBe(true)
    expect(read({ reasoning_effort: 'low' }).skipsThoughts).toBe(false)
  })

  it('calls one tool at a time where it says so', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }]
    expect(read({ tools, parallel_tool_calls: false }).tools).toEqual({
      ...{ functions: { f: {} }, isForced: false, maxCalls: 1 },
    })
    expect(read({ tools, tool_choice: 'none' }).tools).toBeUndefined()
  })

  it.each([['__proto__'], ['constructor']])('may have a tool with the name %s', (name) => {
    const tools = [{ type: 'function', function: { name } }]
    const read1 = read({ tools, tool_choice: { function: { name } } })
    expect(Object.keys(read1.tools?.functions ?? {})).toEqual([name])
  })
})
