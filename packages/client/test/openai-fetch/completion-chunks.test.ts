import { seededRandom, type Random } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { ChatCompletion } from '../../src/index.js'
import { completionResponse } from '../../src/openai-fetch/completion-response.js'
import { eventStream } from '../../src/openai-fetch/event-stream.js'
import { textPieces } from '../../src/openai-fetch/text-pieces.js'
import { UNICODE, completionOf, says } from './support.js'

type Members = Record<string, unknown>

const asCompletion = (value: Members): ChatCompletion =>
  ({ ...value, _metadata: { payload_id: 'p-1' } }) as unknown as ChatCompletion

/** Reads a stream the way the WHATWG standard says, without any of the code under test. */
async function readEvents(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const text = await new Response(stream).text()
  expect(text.endsWith('\n\n')).toBe(true)
  return text
    .slice(0, -2)
    .split('\n\n')
    .map((event) => {
      const lines = event.split(/\r\n|\r|\n/)
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/^data: /)
      return String(lines[0]).slice('data: '.length)
    })
}

/** The chunks of a streamed completion, which must be well-formed. */
async function streamed(completion: Members, includeUsage = false): Promise<Members[]> {
  const form = { stream: true, includeUsage, signal: undefined, endMs: Infinity }
  const response = completionResponse(asCompletion(completion), form)
  const events = await readEvents(response.body as ReadableStream<Uint8Array>)
  expect(events.pop()).toBe('[DONE]')
  return events.map((event) => JSON.parse(event) as Members)
}

/** Puts chunks together as the API reference says, without any SDK. */
function reassemble(chunks: Members[]): Members[] {
  const choices: Members[] = []
  for (const choice of chunks.flatMap((chunk) => chunk['choices'] as Members[])) {
    const { index, delta, finish_reason: finishReason, logprobs } = choice
    const whole = (choices[Number(index)] ??= { index, message: {} })
    merge(whole['message'] as Members, delta as Members)
    whole['finish_reason'] = finishReason
    if (logprobs !== undefined) whole['logprobs'] = whole['logprobs'] ?? logprobs
  }
  return choices
}

function merge(message: Members, { tool_calls: calls, ...delta }: Members): void {
  for (const [name, value] of Object.entries(delta)) {
    const before = message[name]
    message[name] = typeof before === 'string' ? before + String(value) : value
  }
  for (const { index, ...call } of (calls ?? []) as Members[]) {
    const list = (message['tool_calls'] ??= []) as Members[]
    expect(list[Number(index)]).toBeUndefined()
    list[Number(index)] = call
  }
}

const ALPHABET = [...Array.from('a \n"\\é世\u2028\0🎉'), 'e\u0301', '👩‍👧', '\ud83c', '\udf89']

const randomText = (random: Random, longest: number): string =>
  Array.from({ length: random.below(longest) }, () => random.of(ALPHABET)).join('')

const call = (id: string, text: string): Members => ({
  id,
  type: 'function',
  function: { name: `do_${id}`, arguments: JSON.stringify({ text }) },
})

describe('textPieces', () => {
  it('gives the text back, in few pieces, and splits no surrogate pair', () => {
    const random = seededRandom(1)
    for (let round = 0; round < 500; round++) {
      const text = randomText(random, round)
      const pieces = [...textPieces(text)]
      expect(pieces.join('')).toBe(text)
      expect(pieces.length).toBeLessThanOrEqual(8)
      expect(pieces).not.toContain('')
      for (const [index, piece] of pieces.entries()) {
        const next = pieces[index + 1]?.charCodeAt(0) ?? 0
        const last = piece.charCodeAt(piece.length - 1)
        expect((last & 0xfc00) === 0xd800 && (next & 0xfc00) === 0xdc00).toBe(false)
      }
    }
  })
})

describe('completionChunks', () => {
  it('can be put together to the same message, whatever it holds', async () => {
    const random = seededRandom(2)
    for (let round = 0; round < 300; round++) {
      const message: Members = { role: 'assistant', content: randomText(random, round) }
      if (random.below(10) < 2) message['content'] = null
      if (random.below(10) < 3)
        message['refusal'] = random.below(2) === 0 ? null : `${randomText(random, 80)}!`
      if (random.below(10) < 3) message['reasoning_content'] = randomText(random, 80)
      if (random.below(10) < 3) {
        message['tool_calls'] = [call('1', randomText(random, 40)), call('2', UNICODE)]
      }
      if (random.below(10) < 1) message['function_call'] = { name: 'old', arguments: '{}' }
      const other = { role: 'assistant', content: UNICODE }
      const logprobs = random.below(2) === 0 ? { content: [{ token: 'a' }], refusal: null } : null
      const completion = completionOf({ message, logprobs }, { message: other, logprobs: null })
      expect(reassemble(await streamed(completion))).toEqual(completion['choices'])
    }
  })

  it('marks every chunk as synthetic and repeats the members of the completion', async () => {
    const completion = { ...completionOf(says(UNICODE), says('x')), service_tier: 'default' }
    const chunks = await streamed(completion)
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({
        id: 'chatcmpl-1',
        object: 'chat.completion.chunk',
        created: 1767225600,
        model: 'm',
        system_fingerprint: 'fp_1',
        service_tier: 'default',
        x_nomyo: { synthetic: true },
      })
      expect(chunk).not.toHaveProperty('usage')
    }
  })

  it('begins each choice with its role alone and ends it with its reason', async () => {
    const chunks = await streamed(completionOf(says('a'.repeat(100)), says('b')))
    const [first, second] = [0, 1].map((index) =>
      chunks
        .flatMap((chunk) => chunk['choices'] as Members[])
        .filter((part) => part['index'] === index),
    )
    expect(first?.map((part) => part['delta'])).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { content: 'a'.repeat(32) },
      { content: 'a'.repeat(32) },
      { content: 'a'.repeat(32) },
      { content: 'a'.repeat(4) },
      {},
    ])
    const reasons = first?.map((part) => part['finish_reason'])
    expect(reasons).toEqual([...Array<null>(5).fill(null), 'stop'])
    expect(second).toHaveLength(3)
  })

  it('gives each log probability once, and never beside the role', async () => {
    const logprobs = { content: [{ token: 'a', logprob: -1, bytes: [97], top_logprobs: [] }] }
    for (const message of [
      { role: 'assistant', content: 'a' },
      { role: 'assistant', content: null },
    ]) {
      const chunks = await streamed(completionOf({ message, logprobs }))
      const given = chunks.map((chunk) => (chunk['choices'] as Members[])[0]?.['logprobs'])
      expect(given[0]).toBeNull()
      expect(given.filter((value) => value !== null)).toEqual([logprobs])
    }
  })

  it('reports the usage in its own chunk on request', async () => {
    const chunks = await streamed(completionOf(says('a')), true)
    const last = chunks.pop()
    expect(last).toMatchObject({ choices: [], usage: { total_tokens: 7 } })
    expect(chunks.every((chunk) => chunk['usage'] === null)).toBe(true)
    const { usage: _, ...unknown } = completionOf(says('a'))
    expect((await streamed(unknown, true)).every((chunk) => chunk['usage'] === null)).toBe(true)
  })

  it('passes on members of another type that it does not take apart', async () => {
    const content = [{ type: 'text', text: 'a' }]
    const [chunk] = await streamed({ choices: [{ message: { content, refusal: 1 } }] })
    expect(chunk).toHaveProperty('choices.0.delta', { role: 'assistant', content, refusal: null })
  })

  it.each([
    {},
    { choices: null },
    { choices: 'text' },
    { choices: [] },
    { choices: [null, 1] },
    { choices: [{}] },
    { choices: [{ message: null }] },
    { choices: [{ message: 'text' }] },
    { choices: [{ message: ['text'] }] },
    { choices: [[{ message: {} }]] },
    { choices: { 0: { message: {} }, length: 1 } },
    { choices: [{ message: { tool_calls: 'text' } }] },
    { choices: [{ message: { tool_calls: [null] } }] },
    { choices: [{ message: { tool_calls: [['text']] } }] },
    { choices: [{ message: { tool_calls: { id: 'a' } } }] },
  ])('refuses what it cannot split, with or without a choice before: %j', async (completion) => {
    await expect(streamed(completion)).rejects.toMatchObject({ code: 'ERR_PLAINTEXT_INVALID' })
    const { choices } = completion
    if (!Array.isArray(choices) || choices.length === 0) return
    const after = { choices: [{ message: { content: 'a' } }, ...(choices as unknown[])] }
    await expect(streamed(after)).rejects.toMatchObject({ code: 'ERR_PLAINTEXT_INVALID' })
  })

  const message = { content: 'a' }
  it.each<[string, Members]>([
    ['choices', { choices: Array(100_000).fill({ message }) }],
    ['tool calls', { choices: [{ message: { tool_calls: Array(1_000_000).fill({ id: 'a' }) } }] }],
    ...['model', 'id', 'system_fingerprint', 'service_tier', 'created'].map(
      (name): [string, Members] => [
        `characters of the ${name}`,
        { [name]: 'x'.repeat(1_000_000), choices: [{ message }] },
      ],
    ),
  ])('refuses to repeat members without end: %s', async (_what, completion) => {
    await expect(streamed(completion)).rejects.toMatchObject({ code: 'ERR_PLAINTEXT_INVALID' })
  })

  it.each(['x'.repeat(1_000_000), ['x'.repeat(1_000_000)], { x: 'x'.repeat(1_000_000) }, null])(
    'repeats no index that is none, but the position',
    async (index) => {
      const calls = Array(100).fill({ id: 'a' }) as Members[]
      const chunks = await streamed({ choices: [{ index, message: { tool_calls: calls } }] })
      expect(JSON.stringify(chunks).length).toBeLessThan(100_000)
      expect(chunks.every((chunk) => (chunk['choices'] as Members[])[0]?.['index'] === 0)).toBe(
        true,
      )
    },
  )

  it('splits as many choices and tool calls as models give', async () => {
    const calls = Array.from({ length: 128 }, (_, id) => ({ id: String(id), type: 'function' }))
    const choice = { message: { content: 'a', tool_calls: calls } }
    expect(await streamed({ choices: Array(128).fill(choice) })).toHaveLength(128 * 131)
  })
})

describe('eventStream', () => {
  it('creates events on demand, and ends with the reason of an abort', async () => {
    let made = 0
    function* values(): Generator<number> {
      while (made < 100) yield made++
    }
    const controller = new AbortController()
    const reader = eventStream(values(), { signal: controller.signal, endMs: Infinity }).getReader()
    await reader.read()
    expect(made).toBe(1)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(reader.read()).rejects.toBe(reason)
    expect(made).toBe(1)
  })

  it('fails for a reader that takes too long', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const limits = { signal: undefined, endMs: performance.now() + 1000 }
    const reader = eventStream([1, 2, 3], limits).getReader()
    vi.advanceTimersByTime(1000)
    await reader.read()
    vi.advanceTimersByTime(1)
    await expect(reader.read()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' })
  })
})
