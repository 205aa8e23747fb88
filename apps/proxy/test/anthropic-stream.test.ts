import { APIConnectionError } from '@nomyo/client'
import { describe, expect, it } from 'vitest'
import { messageStream } from '../src/anthropic/event-stream.js'
import type { ChatRequest } from '../src/anthropic/request.js'

const asked: ChatRequest = { request: {}, stream: true, stopSequences: [], showsThinking: true }

interface Event {
  readonly type: string
  readonly [member: string]: unknown
}

const chunk = (delta: object, more: object = {}): object => ({
  id: 'c1',
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
})
const finish = (reason: string): object => chunk({}, { finish_reason: reason })
const call = (index: number, called: object, more: object = {}): object =>
  chunk({ tool_calls: [{ index, ...more, function: called }] })
const frames = (chunks: readonly object[]): string =>
  chunks.map((value) => `data: ${JSON.stringify(value)}\n\n`).join('')

/** Streams these bytes in parts, and then ends or fails. */
function bodyOf(text: string, size = Infinity, failure?: Error): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  let sent = 0
  return new ReadableStream({
    pull: (controller) => {
      if (sent < bytes.length) {
        controller.enqueue(bytes.slice(sent, sent + size))
        sent += size
      } else if (failure === undefined) controller.close()
      else controller.error(failure)
    },
  })
}

async function eventsOf(body: ReadableStream<Uint8Array>, request = asked): Promise<Event[]> {
  let text = ''
  for await (const part of messageStream(body, request, () => undefined)) text += part
  return [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, type, data]) => {
    const event = JSON.parse(data ?? '') as Event
    expect(event.type).toBe(type)
    return event
  })
}

const streamOf = (chunks: readonly object[]): Promise<Event[]> =>
  eventsOf(bodyOf(`${frames(chunks)}data: [DONE]\n\n`))
const typesOf = (events: readonly Event[]): string[] => events.map(({ type }) => type)

describe('a stream of chat completions as one of messages', () => {
  const whole = `: padding\n\n${frames([
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'Grüße 👋' }),
    finish('stop'),
    { id: 'c1', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } },
  ])}: padding\n\ndata: [DONE]\n\n`

  it.each([1, 2, 3, 7, 100, Infinity])('is the same in parts of %d bytes', async (size) => {
    expect(await eventsOf(bodyOf(whole, size))).toMatchObject([
      { type: 'message_start', message: { id: 'msg_c1', model: 'm', content: [] } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße 👋' } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { input_tokens: 3, output_tokens: 2 },
      },
      { type: 'message_stop' },
    ])
  })

  it('yields each event before the next chunk arrives', async () => {
    let enqueue: (text: string) => void = () => undefined
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        enqueue = (text) => {
          controller.enqueue(new TextEncoder().encode(text))
        }
      },
    })
    const parts = messageStream(body, asked, () => undefined)
    for (const content of ['a', 'b', 'c']) {
      enqueue(frames([chunk({ content })]))
      const { value } = await parts.next()
      expect(value).toContain(`"text":"${content}"`)
    }
    await parts.return(undefined)
  })

  it('has one block after another: reasoning, text, calls', async () => {
    const events = await streamOf([
      chunk({ reasoning_content: 'Hm' }),
      chunk({ reasoning_content: '.' }),
      chunk({ content: 'Let me see.' }),
      call(0, { name: 'a', arguments: '' }, { id: 'x' }),
      call(0, { arguments: '{"q":' }),
      call(0, { arguments: '1}' }),
      call(1, { name: 'b', arguments: '{}' }, { id: 'y' }),
      finish('tool_calls'),
    ])
    const shown = events.flatMap(({ type, index, content_block, delta }) =>
      type.startsWith('content') ? [[type.slice(14), index, content_block ?? delta]] : [],
    )
    expect(shown).toMatchObject([
      ['start', 0, { type: 'thinking' }],
      ['delta', 0, { thinking: 'Hm' }],
      ['delta', 0, { thinking: '.' }],
      ['stop', 0, undefined],
      ['start', 1, { type: 'text' }],
      ['delta', 1, { text: 'Let me see.' }],
      ['stop', 1, undefined],
      ['start', 2, { type: 'tool_use', id: 'x', name: 'a', input: {} }],
      ['delta', 2, { partial_json: '{"q":' }],
      ['delta', 2, { partial_json: '1}' }],
      ['stop', 2, undefined],
      ['start', 3, { type: 'tool_use', id: 'y', name: 'b' }],
      ['delta', 3, { partial_json: '{}' }],
      ['stop', 3, undefined],
    ])
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } })
  })

  it('omits reasoning unless it is asked for', async () => {
    const body = bodyOf(
      frames([chunk({ reasoning: 'Hm' }), chunk({ content: 'x' }), finish('stop')]),
    )
    const events = await eventsOf(body, { ...asked, showsThinking: false })
    expect(JSON.stringify(events)).not.toContain('Hm')
  })

  it.each([
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
    ['function_call', 'end_turn'],
  ])('ended by %s ends by %s', async (reason, expected) => {
    const events = await streamOf([chunk({ content: 'x' }), finish(reason)])
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: expected } })
  })
})

describe('a stream that fails', () => {
  const begun = [chunk({ content: 'a' })]

  it.each<[string, readonly object[], string]>([
    ['no end', begun, 'ERR_ANSWER_INVALID'],
    ['nothing', [], 'ERR_ANSWER_INVALID'],
    ['a call without a name', [...begun, call(0, { arguments: '{}' })], 'ERR_ANSWER_INVALID'],
    ['a malformed call', [...begun, chunk({ tool_calls: [1] })], 'ERR_ANSWER_INVALID'],
    ['a place that is a text', [...begun, call('0' as never, { name: 'a' })], 'ERR_ANSWER_INVALID'],
    [
      'pieces of calls that are mixed',
      [call(0, { name: 'a' }), call(1, { name: 'b' }), call(0, { arguments: '{}' })],
      'ERR_ANSWER_INVALID',
    ],
    ['an error', [...begun, { error: { message: 'words', code: 'context' } }], 'context'],
  ])('with %s ends with an error event, never with message_stop', async (_what, chunks, code) => {
    const events = await eventsOf(bodyOf(frames(chunks)))
    expect(events.at(-1)).toMatchObject({ type: 'error', error: { code } })
    expect(typesOf(events)).not.toContain('message_stop')
  })

  it('by an event that is no JSON, or too long, ends with an error event', async () => {
    for (const text of [
      'data: nothing\n\n',
      'data: [1]\n\n',
      `data: ${'x'.repeat(17 * 2 ** 20)}`,
    ]) {
      const events = await eventsOf(bodyOf(frames(begun) + text))
      expect(events.at(-1)).toMatchObject({ type: 'error', error: { code: 'ERR_ANSWER_INVALID' } })
    }
  })

  it('by a cut ends with an error event, also behind [DONE], which is no proof', async () => {
    const cut = new APIConnectionError('ERR_TRUNCATED', 'The answer was cut.')
    for (const text of [frames(begun), `${frames([...begun, finish('stop')])}data: [DONE]\n\n`]) {
      const events = await eventsOf(bodyOf(text, Infinity, cut))
      expect(events.at(-1)).toMatchObject({ type: 'error', error: { code: 'ERR_TRUNCATED' } })
      expect(typesOf(events)).not.toContain('message_stop')
    }
  })

  it('by anything else says nothing of it', async () => {
    const events = await eventsOf(bodyOf(frames(begun), Infinity, new Error('a secret')))
    expect(events.at(-1)).toMatchObject({ type: 'error', error: { code: 'ERR_UNEXPECTED' } })
    expect(JSON.stringify(events)).not.toContain('secret')
  })

  it('tells its source once no more is read', async () => {
    let isCancelled = false
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(frames(begun)))
      },
      cancel: () => {
        isCancelled = true
      },
    })
    const parts = messageStream(body, asked, () => undefined)
    await parts.next()
    await parts.return(undefined)
    expect(isCancelled).toBe(true)
  })
})
