import { TINY_TEXT } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { chat, complete, sealedErrorOf, send } from '../support.js'
import { API_KEY, expectRefusal, fileModel, library, question } from './model.js'

const NUMBERS =
  'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen ' +
  'sixteen seventeen eighteen nineteen twenty'
const OTHER_KEY = 'a-key-of-the-other-caller'
/** Tokens of the template around one question: bytes, and control tokens. */
const FRAME = '_user\n_\n_assistant\n'.length

describe.skipIf(library === undefined)('a model in this process', () => {
  const model = fileModel([
    ...['--model-context', '1024', '--model-parallel', '1'],
    ...['--api-key', API_KEY, '--api-key', OTHER_KEY],
  ])
  const { ask } = model
  const headers = { authorization: `Bearer ${API_KEY}` }

  it.each([
    ['Hello', TINY_TEXT, 1, 6],
    ['the numbers', NUMBERS, 5, 21],
  ])('answers %j with its usage', async (content, text, own, tokens) => {
    const { object, choices, usage } = await ask(content, { temperature: 0 })
    const prompt = FRAME + own
    expect({ object, choices, usage }).toEqual({
      object: 'chat.completion',
      choices: [
        {
          ...{ index: 0, logprobs: null, finish_reason: 'stop' },
          message: { role: 'assistant', content: text, refusal: null },
        },
      ],
      usage: {
        ...{ prompt_tokens: prompt, completion_tokens: tokens, total_tokens: prompt + tokens },
        prompt_tokens_details: { cached_tokens: expect.any(Number) as number },
      },
    })
  })

  it('answers on wire 1', async () => {
    const answer = await complete(model.gateway, chat('Hello', { model: 'tiny' }), headers)
    expect(answer.choices[0].message.content).toBe(TINY_TEXT)
    expect(answer.usage).toMatchObject({ prompt_tokens: FRAME + 1, completion_tokens: 6 })
  })

  it('streams token by token, and its usage', async () => {
    const chunks = []
    const stream = await model.client.chat.completions.create({
      ...question('the numbers'),
      ...{ stream: true, stream_options: { include_usage: true } },
    })
    for await (const chunk of stream) chunks.push(chunk)
    const texts = chunks.map(({ choices }) => choices[0]?.delta.content).filter(Boolean)
    expect(texts.join('')).toBe(NUMBERS)
    expect(texts).toHaveLength(20)
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant' })
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop')
    expect(chunks.at(-1)).toMatchObject({
      usage: { prompt_tokens: FRAME + 5, completion_tokens: 21 },
    })
  })

  it('finds the beginning of a conversation in memory, of the same length', async () => {
    const first = await ask('What are the numbers again, in memory?')
    const again = await ask('What are the numbers again, in memory?')
    expect(again.usage?.prompt_tokens).toBe(first.usage?.prompt_tokens)
    expect(again.usage).toMatchObject({
      prompt_tokens_details: { cached_tokens: Number(first.usage?.prompt_tokens) - 1 },
    })
  })

  it('shows no caller the conversation of another one, by the time that it takes', async () => {
    const cached = async (options: object): Promise<unknown> => {
      const request = { ...question('A secret of the first caller'), max_tokens: 1 }
      const { usage } = await model.client.create({ ...request, ...options })
      return usage?.prompt_tokens_details
    }
    expect(await cached({})).not.toEqual({ cached_tokens: FRAME + 27 })
    expect(await cached({})).toEqual({ cached_tokens: FRAME + 27 })
    expect(await cached({ api_key: OTHER_KEY })).toEqual({ cached_tokens: 0 })
    expect(await cached({})).toEqual({ cached_tokens: 0 })
  })

  it.each([
    ['max_tokens', { max_tokens: 3 }, 'one two three', 'length', 3],
    ['max_completion_tokens', { max_completion_tokens: 2, max_tokens: 9 }, 'one two', 'length', 2],
    ['stop', { stop: ' five' }, 'one two three four', 'stop', 5],
    ['stops', { stop: ['nothing', 'ix'] }, 'one two three four five s', 'stop', 6],
  ])('follows %s', async (_, members, text, reason, tokens) => {
    const { choices, usage } = await ask('the numbers', members)
    expect(choices[0]).toMatchObject({ finish_reason: reason, message: { content: text } })
    expect(usage?.completion_tokens).toBe(tokens)
  })

  it('gives the same answer to the same seed', async () => {
    const colours = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8].map(async (seed) => {
        const colour = async (): Promise<unknown> =>
          (await ask('a colour', { seed, temperature: 1, min_p: 0 })).choices[0].message.content
        const first = await colour()
        expect(await colour()).toBe(first)
        return first
      }),
    )
    expect(new Set(colours).size).toBeGreaterThan(1)
  })

  it('reads all roles', async () => {
    const { choices } = await model.client.create({
      model: 'tiny',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Say ' },
            { type: 'text', text: 'it' },
          ],
        },
        { role: 'assistant', content: 'It.' },
        { role: 'user', content: 'the numbers' },
      ],
    })
    expect(choices[0].message.content).toBe(NUMBERS)
  })

  it('takes no text of a caller for a control token', async () => {
    const text = '<|im_end|>'
    expect((await ask(text)).usage?.prompt_tokens).toBe(FRAME + text.length)
  })

  it('ends an answer where the context is full', async () => {
    const { choices, usage } = await ask('forever')
    expect(choices[0]).toMatchObject({ finish_reason: 'length' })
    expect(usage?.total_tokens).toBe(1023)
  })

  it.each([
    ['a little', 1024],
    ['far', 100_000],
  ])('refuses a conversation that is %s too long', async (_, length) => {
    const facts = { status: 400, code: 'context_length_exceeded', param: 'messages' }
    await expectRefusal(ask('x'.repeat(length)), facts)
    const answer = await send(model.gateway, chat('x'.repeat(length), { model: 'tiny' }), headers)
    expect(answer.status).toBe(400)
    expect(await sealedErrorOf(answer)).toMatchObject({ error: { code: facts.code } })
  })

  it('refuses more messages than have room', async () => {
    const messages = Array.from({ length: 20_000 }, () => ({ role: 'user' as const, content: '' }))
    const facts = { status: 400, code: 'context_length_exceeded', param: 'messages' }
    await expectRefusal(model.client.create({ model: 'tiny', messages }), facts)
  })

  it('refuses another model', async () => {
    const call = model.client.create({ ...question('Hi'), model: 'other' })
    await expectRefusal(call, { status: 400, code: 'model_not_found', param: 'model' })
  })

  it.each([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['logit_bias', { logit_bias: { 5: -100 } }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['guided_json', { guided_json: { type: 'string' } }],
    ['temperature', { temperature: 3 }],
    ['top_p', { top_p: '1' }],
    ['seed', { seed: 'x' }],
    ['max_tokens', { max_tokens: 0 }],
    ['stop', { stop: [''] }],
  ])('refuses what it cannot do with %s', async (param, members) => {
    await expectRefusal(ask('Hello', members), { status: 400, param })
  })

  it('lists the model', async () => {
    expect((await model.client.models.list()).data.map(({ id }) => id)).toEqual(['tiny'])
    expect(await model.client.models.retrieve('tiny')).toMatchObject({ id: 'tiny' })
  })

  it('has no route for sound', async () => {
    const call = model.client.audio.speech.create({ model: 'tiny', input: 'Hi', voice: 'x' })
    await expectRefusal(call, { status: 404 })
  })

  it('completes prompts, whole and streamed', async () => {
    const post = async (members: object): Promise<string> => {
      const body = JSON.stringify({ model: 'tiny', prompt: 'the numbers\n', ...members })
      const headers = { 'content-type': 'application/json' }
      const init = { method: 'POST', headers, body }
      const response = await model.client.fetch('/v1/completions', init)
      expect(response.status).toBe(200)
      return response.text()
    }
    expect(JSON.parse(await post({ max_tokens: 3 }))).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'one two three', finish_reason: 'length' }],
      usage: { prompt_tokens: 6, completion_tokens: 3, total_tokens: 9 },
    })
    const events = await post({ max_tokens: 3, stream: true })
    expect(events).toContain('" two"')

    expect(events).toContain('data: [DONE]')
  })

  it('makes embeddings', async () => {
    const embed = (input: string | string[], encoding_format: 'float' | 'base64' = 'float') =>
      model.client.embeddings.create({ model: 'tiny', input, encoding_format })
    const { data, usage } = await embed(['one', 'abc', 'one'])
    const [first, second, third] = data.map(({ embedding }) => embedding)
    expect(first?.length).toBeGreaterThan(8)
    expect(third).toEqual(first)
    expect(second).not.toEqual(first)
    expect(usage).toEqual({ prompt_tokens: 5, total_tokens: 5 })
    const { data: coded } = await embed('one', 'base64')
    const bytes = Buffer.from(String(coded[0]?.embedding), 'base64')
    expect(bytes.readFloatLE(0)).toBeCloseTo(first?.[0] ?? Number.NaN)
    const facts = { status: 400, code: 'context_length_exceeded', param: 'input' }
    await expectRefusal(embed('x'.repeat(5000)), facts)
  })
})
