import type { ChatCompletionRequest } from '@nomyo/client'
import { TINY_TEXT } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { expectRefusal, fileModel, library, question } from './model.js'

/** The tool of the tiny model, which it calls where the question is about the weather. */
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Returns the weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', minLength: 1 }, days: { type: 'integer' } },
      required: ['city'],
    },
  },
}
const TIME = { type: 'function', function: { name: 'get_time' } }
/** A definition that begins with itself, of which no grammar can be made. */
const ENDLESS = { oneOf: [{ $ref: '#/$defs/a' }, { type: 'string' }] }
const CALL = { name: 'get_weather', arguments: JSON.stringify({ city: TINY_TEXT, days: 0 }) }

describe.skipIf(library === undefined)('a model in this process', () => {
  const model = fileModel(['--model-context', '3072', '--model-parallel', '1'])
  const ask = (content: string, members: object) =>
    model.ask(content, { temperature: 0, ...members })

  describe('tools of a model in this process', () => {
    it('are called, and their results read', async () => {
      const { choices } = await ask('How is the weather?', { tools: [WEATHER] })
      const { message, finish_reason } = choices[0]
      expect({ message, finish_reason }).toMatchObject({
        finish_reason: 'tool_calls',
        message: { content: null, tool_calls: [{ type: 'function', function: CALL }] },
      })
      const id = message.tool_calls?.[0]?.id
      const after = await model.client.create({
        model: 'tiny',
        tools: [WEATHER],
        messages: [
          { role: 'user', content: 'How is the weather?' },
          message,
          { role: 'tool', tool_call_id: id, content: '{"sky":"clear"}' },
        ],
      } as ChatCompletionRequest)
      expect(after.choices[0].message.content).toBe('It is sunny there.')
      expect(after.choices[0].finish_reason).toBe('stop')
    })

    it('are called in a stream', async () => {
      const stream = await model.client.chat.completions.create({
        ...{ ...question('How is the weather?'), temperature: 0 },
        tools: [WEATHER],
        stream: true,
      } as ChatCompletionRequest & { stream: true })
      const choices = []
      for await (const chunk of stream) choices.push(chunk.choices[0])
      const calls = choices.flatMap((choice) => choice?.delta.tool_calls ?? [])
      expect(calls).toMatchObject([{ index: 0, type: 'function', function: CALL }])
      expect(choices.map((choice) => choice?.finish_reason).filter(Boolean)).toEqual(['tool_calls'])
    })

    it.each([
      ['required', 'required', { name: 'get_time', arguments: '{}' }],
      ['by name', { type: 'function', function: { name: 'get_weather' } }, CALL],
      [
        'by name without arguments',
        { type: 'function', function: { name: 'get_time' } },
        { name: 'get_time', arguments: '{}' },
      ],
    ])('are called where that is %s, whatever the question', async (_, tool_choice, call) => {
      const { choices } = await ask('Hello', { tools: [WEATHER, TIME], tool_choice })
      expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls' })
      expect(choices[0].message.tool_calls?.map(({ function: called }) => called)).toContainEqual(
        call,
      )
    })

    it('are not called where that is excluded', async () => {
      const { choices } = await ask('Hello', { tools: [WEATHER], tool_choice: 'none' })
      expect(choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: TINY_TEXT } })
    })

    it.each([
      ['tool_choice', { tools: [TIME], tool_choice: { function: { name: 'other' } } }],
      ['tools', { tool_choice: 'required' }],
      ['tools.0', { tools: [{ type: 'web_search' }] }],
      ['tools.1.function.name', { tools: [TIME, TIME] }],
      ['response_format', { tools: [TIME], response_format: { type: 'json_object' } }],
      [
        'tools',
        {
          tools: [
            toolOf({
              type: 'object',
              properties: { a: { $ref: '#/$defs/a' } },
              $defs: { a: ENDLESS },
            }),
          ],
        },
      ],
    ])('are refused where %s is wrong', async (param, members) => {
      await expectRefusal(ask('Hello', members), { status: 400, param })
    })

    it.each<[string, (text: string) => object]>([
      ['the description of a tool', (text) => withTool({ description: text })],
      ['the name of an argument', (text) => withProperties({ [text]: { type: 'string' } })],
      ['a choice', (text) => withProperties({ a: { enum: [text] } })],
      ['the description of an argument', (text) => withProperties({ a: { description: text } })],
      ['the name in a call', (text) => withCall({ name: text, arguments: '{}' })],
      ['the arguments of a call', (text) => withCall({ arguments: JSON.stringify({ a: text }) })],
      ['the names of those', (text) => withCall({ arguments: JSON.stringify({ [text]: 1 }) })],
    ])('have no control token in %s', async (_, members) => {
      const tokens = async (text: string): Promise<unknown> =>
        (await ask('Hello', { ...members(text), max_tokens: 1 })).usage?.prompt_tokens
      expect(await tokens('<|im_end|>')).toBe(await tokens('<-im_end->'))
    })

    it('leave the model usable after a refusal', async () => {
      expect((await ask('Hello', {})).choices[0].message.content).toBe(TINY_TEXT)
    })
  })

  describe('JSON of a model in this process', () => {
    const json = async (schema: object, strict = true): Promise<unknown> => {
      const json_schema = { name: 'answer', schema, strict }
      const response_format = { type: 'json_schema', json_schema }
      const { choices } = await ask('Hello', { response_format })
      expect(choices[0].finish_reason).toBe('stop')
      return JSON.parse(choices[0].message.content ?? '')
    }

    it.each([
      [
        { type: 'object', properties: { a: { type: 'string' }, b: { type: ['number', 'null'] } } },
        { a: TINY_TEXT, b: 0 },
      ],
      [{ type: 'array', items: { enum: ['x', 1, null] }, minItems: 2, maxItems: 2 }, ['x', 'x']],
      [{ const: 'only' }, 'only'],
      [{ anyOf: [{ const: 'a' }, { const: 'b' }] }, expect.stringMatching(/^[ab]$/)],
      [
        {
          type: 'object',
          properties: { children: { type: 'array', items: { $ref: '#' } } },
          additionalProperties: false,
        },
        { children: [] },
      ],
      [
        {
          type: 'object',
          properties: { n: { $ref: '#/$defs/n' } },
          $defs: { n: { type: 'integer' } },
        },
        { n: 0 },
      ],
    ])('follows the schema %j', async (schema, value) => {
      expect(await json(schema)).toEqual(value)
    })

    it('is any object without a schema', async () => {
      const { choices } = await ask('Hello', { response_format: { type: 'json_object' } })
      expect(JSON.parse(choices[0].message.content ?? '')).toBeTypeOf('object')
    })

    it('ignores a constraint that is not strict, and refuses one that is', async () => {
      const schema = { type: 'object', properties: { a: { type: 'string', pattern: 'z' } } }
      expect(await json(schema, false)).toEqual({ a: TINY_TEXT })
      const param = 'response_format.json_schema.schema'
      await expectRefusal(json(schema, true), { status: 400, code: 'invalid_value', param })
    })
  })
})

function toolOf(parameters: object): object {
  return { type: 'function', function: { name: 'f', parameters } }
}

const withTool = (members: object): object => ({
  tools: [{ type: 'function', function: { name: 'f', ...members } }],
})

const withProperties = (properties: object): object => ({
  tools: [toolOf({ type: 'object', properties })],
})

function withCall(members: object): object {
  const call = { id: '1', type: 'function', function: { name: 'f', ...members } }
  return {
    messages: [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: '1', content: '' },
    ],
  }
}
