import { getEventListeners } from 'node:events'
import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { connect, hello, newClient, turn, type Serve } from '../fetch/support.js'
import { newGateway } from '../sealed-exchange/support.js'

const request = { ...hello, stream: true } as const

const chunk = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content } }] })}\n\n`

/** Streams texts as the chunks of a completion. */
const streaming =
  (...texts: string[]): Serve =>
  async ({ begin }) => {
    const stream = await begin()
    for (const text of texts) await stream.send(chunk(text))
    await stream.send('data: [DONE]\n\n')
    await stream.end()
  }

const textOf = async (
  stream: AsyncIterable<{ choices: { delta: { content?: string | null } }[] }>,
): Promise<string> => {
  let text = ''
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? ''
  return text
}

describe('chat.completions.create with stream: true', () => {
  it('gives every chunk as it comes', async () => {
    const second = turn()
    const { client, server } = await connect(async ({ begin }) => {
      const stream = await begin()
      await stream.send(chunk('Hel'))
      await second.come
      // An event in two parts, a comment that fills, and a line break of another kind.
      const rest = chunk('lo! 🙂').replace('\n\n', '\r\n\r\n')
      const bytes = Buffer.from(`: ${'x'.repeat(300)}\n\n${rest}`)
      await stream.send(bytes.subarray(0, bytes.length - 12))
      await stream.send(bytes.subarray(bytes.length - 12))
      await stream.end()
    })
    const asked = { ...request, api_key: 'request-key' }
    const stream = await client.chat.completions.create(asked)
    const iterator = stream[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toMatchObject({
      choices: [{ delta: { content: 'Hel' } }],
    })
    second.now()
    expect((await iterator.next()).value).toMatchObject({
      choices: [{ delta: { content: 'lo! 🙂' } }],
    })
    expect(await iterator.next()).toMatchObject({ done: true })
    const { content, fields } = server.requests[0]!
    expect(JSON.parse(Buffer.from(content).toString())).toEqual(request)
    expect(fields).toMatchObject({
      authorization: 'Bearer request-key',
      accept: 'text/event-stream',
    })
  })

  it('is read once, and tee() gives two streams', async () => {
    const { client } = await connect(streaming('a', 'b'))
    const stream = await client.chat.completions.create(request)
    const [left, right] = stream.tee()
    expect(await textOf(left)).toBe('ab')
    expect(await textOf(right)).toBe('ab')
    expect(() => stream[Symbol.asyncIterator]()).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_REQUEST' }),
    )
  })

  it('one of two streams may be left, and the answer ends with the second', async () => {
    const { client, server } = await connect(async ({ begin }) => {
      const stream = await begin()
      for (const text of ['a', 'b', 'c']) await stream.send(chunk(text))
    })
    const [left, right] = (await client.chat.completions.create(request)).tee()
    for await (const { id } of left) if (id === 'c') break
    const texts: unknown[] = []
    for await (const { choices } of right) {
      texts.push(choices[0]?.delta.content)
      if (texts.length === 3) break
    }
    expect(texts).toEqual(['a', 'b', 'c'])
    await expect.poll(() => server.requests[0]?.response.destroyed).toBe(true)
  })

  it('toReadableStream() gives lines of JSON', async () => {
    const { client } = await connect(streaming('a', 'b'))
    const stream = await client.chat.completions.create(request)
    const text = await new Response(stream.toReadableStream()).text()
    const lines = text.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { choices: [{ delta: { content: 'a' } }] },
      { choices: [{ delta: { content: 'b' } }] },
    ])
  })

  it('ends without an error where its controller is aborted, and where the loop is left', async () => {
    const endless: Serve = async ({ begin, response }) => {
      const stream = await begin()
      while (!response.destroyed) {
        await stream.send(chunk('a'))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const { client, server } = await connect(endless)
    const stream = await client.chat.completions.create(request)
    let chunks = 0
    for await (const { id } of stream) if (id === 'c' && ++chunks === 2) stream.controller.abort()
    expect(chunks).toBe(2)
    for await (const { id } of await client.chat.completions.create(request)) if (id === 'c') break
    for (const at of [0, 1]) {
      await expect.poll(() => server.requests[at]?.response.destroyed).toBe(true)
    }
  })

  it('fails with the signal of the caller', async () => {
    const caller = new AbortController()
    const { client } = await connect(async ({ begin }) => {
      await (await begin()).send(chunk('a'))
    })
    const stream = await client.chat.completions.create(request, { signal: caller.signal })
    const reading = (async () => {
      for await (const { id } of stream) if (id === 'c') caller.abort()
    })()
    await expectCode(reading, 'ERR_ABORTED')
  })

  it('ends with the error of the model server, which is authenticated', async () => {
    const { client } = await connect(async ({ begin }) => {
      const stream = await begin()
      await stream.send(chunk('a'))
      const error = { status: 429, message: 'too many', type: 't', param: null, code: 'c' }
      await stream.send(`data: ${JSON.stringify({ error })}\n\n`)
      await stream.end()
    })
    const stream = await client.chat.completions.create(request)
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const { choices } of stream) seen.push(choices[0]?.delta.content)
    })()
    await expect(reading).rejects.toMatchObject({
      name: 'RateLimitError',
      authenticated: true,
      sealedError: { status: 429, code: 'c' },
    })
    expect(seen).toEqual(['a'])
  })

  it('ends with an error that is a text alone', async () => {
    const { client } = await connect(async ({ begin }) => {
      const stream = await begin()
      await stream.send(chunk('a') + 'data: {"error":"out of memory"}\n\n')
      await stream.end()
    })
    const stream = await client.chat.completions.create(request)
    await expect(textOf(stream)).rejects.toMatchObject({
      name: 'ServerError',
      authenticated: true,
      message: expect.stringContaining('out of memory'),
    })
  })

  it('that breaks off fails after the chunks that came, [DONE] or not', async () => {
    const { client } = await connect(async ({ begin, response }) => {
      const stream = await begin()
      await stream.send(`${chunk('a')}data: [DONE]\n\n`)
      response.end()
    })
    const stream = await client.chat.completions.create(request)
    const iterator = stream[Symbol.asyncIterator]()
    expect(await iterator.next()).toMatchObject({ done: false })
    await expectCode(iterator.next(), 'ERR_TRUNCATED')
  })

  it.each([
    ['an event that is no JSON', 'data: nothing\n\n', 'ERR_PLAINTEXT_INVALID'],
    ['an event that is no object', 'data: [1]\n\n', 'ERR_PLAINTEXT_INVALID'],
    ['text that is no UTF-8', Uint8Array.of(0x64, 0xff, 0x0a, 0x0a), 'ERR_PLAINTEXT_INVALID'],
  ])('refuses %s', async (_what, bytes, code) => {
    const { client } = await connect(async ({ begin }) => {
      const stream = await begin()
      await stream.send(bytes)
      await stream.end()
    })
    await expectCode(textOf(await client.chat.completions.create(request)), code)
  })

  it('is a synthetic stream on wire 1', async () => {
    const client = newClient(await newGateway({ wire: 1 }))
    expect(await textOf(await client.chat.completions.create(request))).not.toBe('')
  })

  it('leaves nothing at the signal of its caller, however it ends', async () => {
    let count = 0
    const { client } = await connect(async ({ begin, whole, response }) => {
      if (count++ % 3 === 0) {
        await whole(400, {})
        return
      }
      const stream = await begin()
      await stream.send(chunk('a'))
      if (count % 3 === 0) response.end()
      else await stream.end()
    })
    const { signal } = new AbortController()
    const ends: string[] = []
    for (let call = 0; call < 6; call++) {
      const reading = client.chat.completions.create(request, { signal }).then(textOf)
      ends.push(await reading.catch((error: unknown) => (error as { code: string }).code))
      await client.fetch('/v1/models', { signal }).then(
        (response) => response.body?.cancel(),
        () => undefined,
      )
    }
    expect(new Set(ends)).toEqual(new Set(['ERR_BAD_REQUEST', 'a', 'ERR_TRUNCATED']))
    await expect.poll(() => getEventListeners(signal, 'abort')).toEqual([])
  })

  it('without it is create()', async () => {
    const client = newClient(await newGateway())
    const completion = await client.chat.completions.create(hello)
    expect(completion).toMatchObject({ object: 'chat.completion', _metadata: {} })
  })

  it.each([{}, { model: 'm' }, { model: 'm', messages: [] }, null, 1, 'text'])(
    'refuses %j before anything is sent',
    async (given) => {
      const { client, server } = await connect(() => undefined)
      const asked = (
        typeof given === 'object' && given !== null ? { ...given, stream: true } : given
      ) as never
      await expectCode(client.chat.completions.create(asked), 'ERR_INVALID_REQUEST')
      expect(server.seen).toEqual([])
    },
  )
})

describe('responses.create', () => {
  it('gives the events of a stream, and the error event as an error', async () => {
    const { client } = await connect(async ({ begin, route }) => {
      expect(route).toBe('POST /v1/responses')
      const stream = await begin()
      const delta = { type: 'response.output_text.delta', delta: 'Hi', sequence_number: 1 }
      await stream.send(`event: response.output_text.delta\ndata: ${JSON.stringify(delta)}\n\n`)
      const error = { type: 'error', code: 'server_error', message: 'overloaded', param: null }
      await stream.send(`event: error\ndata: ${JSON.stringify(error)}\n\n`)
      await stream.end()
    })
    const stream = await client.responses.create({ model: 'm', input: 'Hi', stream: true })
    const deltas: string[] = []
    const reading = (async () => {
      for await (const event of stream) {
        if (event.type === 'response.output_text.delta') deltas.push(event.delta)
      }
    })()
    await expect(reading).rejects.toMatchObject({
      name: 'ServerError',
      authenticated: true,
      sealedError: { code: 'server_error' },
    })
    expect(deltas).toEqual(['Hi'])
  })

  it('joins the texts of a whole answer', async () => {
    const part = (text: string) => ({ type: 'output_text', text })
    const message = (...content: unknown[]) => ({ type: 'message', content })
    const { client } = await connect(({ whole }) =>
      whole(200, {
        id: 'r',
        output: [message(part('a'), part('b')), { type: 'reasoning' }, null, message(part('c'))],
      }),
    )
    const { output_text: text, id } = await client.responses.create({ model: 'm', input: 'Hi' })
    expect([id, text]).toEqual(['r', 'abc'])
  })
})
