import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import {
  SCRIPTED_AUDIO,
  SCRIPTED_TEXT,
  shared,
  startModelServer,
  startScriptedModel,
  stopAfterTest,
} from '@nomyo-internal/testing'
import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import {
  TOKEN,
  ask,
  caller,
  complete,
  hello,
  newGateway,
  newProxy,
  refusalCode,
  testProxy,
} from './support.js'

const model = shared(startScriptedModel)
const gateway = shared(() =>
  newGateway({ engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined } }),
)
const proxy = shared(() => newProxy(gateway().url))
const TEXT = SCRIPTED_TEXT.join('')
const messages = [{ role: 'user' as const, content: 'Hello!' }]

const openai = (): OpenAI =>
  new OpenAI({ apiKey: TOKEN, baseURL: `${proxy().url}/v1`, maxRetries: 0 })

/** Requests an answer, and returns its head as soon as it arrives. */
async function begin(path: string, body: object, headers = caller()): Promise<IncomingMessage> {
  const outgoing = request(proxy().url + path, { method: 'POST', headers, agent: false })
  outgoing.end(JSON.stringify(body))
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return response
}

/** Reads until the answer ends or its connection does; tells which. */
async function readAll(response: IncomingMessage): Promise<{ text: string; isWhole: boolean }> {
  let text = ''
  response.setEncoding('utf8').on('data', (part: string) => (text += part))
  await new Promise<void>((resolve) => {
    response.once('close', resolve).once('error', () => undefined)
  })
  return { text, isWhole: response.complete }
}

describe('the routes of OpenAI, through the proxy', () => {
  it('are as the SDK knows them', async () => {
    const { completions, embeddings, images, responses, post } = openai()
    const completion = await completions.create({ model: 'm', prompt: 'Hi' })
    expect(completion.choices[0]?.text).toBe(TEXT)
    const { data } = await embeddings.create({ model: 'm', input: ['a', 'b'] })
    expect(data.map(({ embedding }) => embedding)).toEqual([
      [0.25, -0.5, 1],
      [0.25, -0.5, 1],
    ])
    expect((await responses.create({ model: 'm', input: 'Hi' })).output_text).toBe(TEXT)
    const image = await images.generate({ model: 'm', prompt: 'a house' })
    expect(image.data?.[0]?.b64_json).toBe('iVBORw0KGgo=')
    const ranking = await Reflect.apply(post, openai(), [
      '/rerank',
      { body: { model: 'm', query: 'q', documents: ['a', 'b'] } },
    ])
    expect(ranking).toMatchObject({ results: [{ index: 1 }] })
  })

  it('carry sound, both ways', async () => {
    const { audio } = openai()
    const speech = await audio.speech.create({ model: 'm', voice: 'alloy', input: 'Hi' })
    expect(speech.headers.get('content-type')).toBe('audio/mpeg')
    expect(new Uint8Array(await speech.arrayBuffer())).toEqual(SCRIPTED_AUDIO)
    const file = new File([SCRIPTED_AUDIO], 'speech.mp3', { type: 'audio/mpeg' })
    const heard = await audio.transcriptions.create({ file, model: 'm', language: 'de' })
    expect(heard.text).toBe(TEXT)
    const form = model().seen.at(-1)
    expect(form?.headers['content-type']).toMatch(/^multipart\/form-data/)
    expect(form?.body).toContain('name="language"')
    // The name of a file may tell who speaks.
    expect(form?.body).not.toContain('speech.mp3')
    const translated = await audio.translations.create({ file, model: 'm' })
    expect(translated.text).toBe(TEXT)
  })

  it('stream where they can', async () => {
    const pieces: string[] = []
    const events = await openai().responses.create({ model: 'm', input: 'Hi', stream: true })
    for await (const event of events) {
      if (event.type === 'response.output_text.delta') pieces.push(event.delta)
    }
    const completions = await openai().completions.create({
      model: 'm',
      prompt: 'Hi',
      stream: true,
    })
    let completed = ''
    for await (const { choices } of completions) completed += choices[0]?.text ?? ''
    expect([pieces.join(''), completed]).toEqual([TEXT, TEXT])
  })

  it('refuse other types before they read a body', async () => {
    for (const [path, type] of [
      ['/v1/embeddings', 'text/plain'],
      ['/v1/embeddings', 'multipart/form-data; boundary=x'],
      ['/v1/audio/transcriptions', 'application/json'],
    ] as const) {
      const answer = await ask(proxy().url + path, {
        method: 'POST',
        headers: caller({ 'content-type': type }),
        body: '{}',
      })
      expect(refusalCode(answer, 415)).toBe('ERR_BAD_REQUEST')
    }
  })

  it('refuse forms that are too large for the gateway: by their length, or while they are read', async () => {
    const small = stopAfterTest(
      await newGateway({ maxBodyBytes: 2 ** 20, maxUploadBytes: 2 ** 20 }),
    )
    const strict = await testProxy(small.url)
    const headers = caller({ 'content-type': 'multipart/form-data; boundary=x' })
    const body = Buffer.alloc(3 * 2 ** 20)
    const url = `${strict.url}/v1/audio/transcriptions`
    const declared = await ask(url, { method: 'POST', headers, body })
    expect(refusalCode(declared, 413)).toBe('ERR_REQUEST_TOO_LARGE')
    const chunked = await ask(url, {
      method: 'POST',
      headers: { ...headers, 'transfer-encoding': 'chunked' },
      body,
    })
    expect(refusalCode(chunked, 413)).toBe('ERR_REQUEST_TOO_LARGE')
  })

  it.each([{}, { 'transfer-encoding': 'chunked' }])(
    'pass a form above the limit of requests on while it arrives: %j',
    async (coding) => {
      const small = stopAfterTest(await newGateway({ maxBodyBytes: 2 ** 20 }))
      const strict = await testProxy(small.url)
      const part = (head: string, value: string): string =>
        `--x\r\ncontent-disposition: form-data; ${head}\r\n\r\n${value}\r\n`
      const file = part('name="file"; filename="a.wav"', 's'.repeat(3 * 2 ** 20))
      const answer = await ask(`${strict.url}/v1/audio/transcriptions`, {
        method: 'POST',
        headers: caller({ 'content-type': 'multipart/form-data; boundary=x', ...coding }),
        body: Buffer.from(`${part('name="model"', 'nomyo/demo')}${file}--x--\r\n`),
      })
      expect(answer.status).toBe(200)
      expect(answer.body).toContain(`sound of ${String(3 * 2 ** 20)} bytes`)
    },
  )

  it.each([
    '{"model":"m","input":"x","api_key":"another-key-0123456789"}',
    String.raw`{"model":"m","input":"x","api\u005fkey":"another-key-0123456789"}`,
    '\uFEFF{"model":"m","input":"x","api_key":"another-key-0123456789"}',
  ])('refuse a key for the gateway: %s', async (body) => {
    const before = model().seen.length
    const answer = await ask(`${proxy().url}/v1/embeddings`, {
      method: 'POST',
      headers: caller(),
      body,
    })
    expect(refusalCode(answer, 400)).toBe('ERR_INVALID_REQUEST')
    expect(model().seen).toHaveLength(before)
  })

  it('send the tier of the proxy, or that of the request', async () => {
    const strict = await testProxy(gateway().url, ['--security-tier', 'maximum'])
    const tiers: unknown[] = []
    for (const headers of [{}, { 'x-security-tier': 'standard' }]) {
      const { body } = await complete(strict, hello({ model: 'm' }), headers)
      tiers.push(JSON.parse(body)._metadata.security_tier)
    }
    expect(tiers).toEqual(['maximum', 'standard'])
  })

  it('are refused where a gateway speaks wire 1 alone: nothing is sent', async () => {
    const old = await testProxy(gateway().url, ['--wire', '1'])
    const before = model().seen.length
    const answer = await ask(`${old.url}/v1/embeddings`, {
      method: 'POST',
      headers: caller(),
      body: '{"model":"m","input":"x"}',
    })
    expect(refusalCode(answer, 404)).toBe('ERR_ROUTE')
    expect(model().seen).toHaveLength(before)
    expect((await ask(`${old.url}/v1/models`, { headers: caller() })).status).toBe(200)
  })
})

describe('a stream', () => {
  it('arrives as the model writes it', async () => {
    const stream = await openai().chat.completions.create({ model: 'm', messages, stream: true })
    const pieces: string[] = []
    for await (const { choices } of stream) {
      const content = choices[0]?.delta.content ?? ''
      if (content !== '') pieces.push(content)
    }
    expect(pieces.join('')).toBe(TEXT)
  })

  it('begins before it ends, and its end disconnects the model', async () => {
    const response = await begin('/v1/chat/completions', {
      model: 'endless',
      messages,
      stream: true,
    })
    expect(response.headers).toMatchObject({
      'content-type': expect.stringMatching(/^text\/event-stream/),
      'cache-control': 'no-store',
      'x-request-id': expect.any(String),
    })
    expect(response.headers['x-nomyo-stream']).toBeUndefined()
    const [first] = (await once(response, 'data')) as [Buffer]
    expect(first.toString()).toContain('chat.completion.chunk')
    const { socket } = model().seen.at(-1)!
    expect(socket.destroyed).toBe(false)
    response.destroy()
    await expect.poll(() => socket.destroyed).toBe(true)
    await expect.poll(() => proxy().log()).toMatch(/route=\/v1\/chat\/completions status=null/)
  })

  it('holds its place until it ends', async () => {
    const one = await testProxy(gateway().url, ['--max-concurrency', '1'])
    const controller = new AbortController()
    const sdk = new OpenAI({ apiKey: TOKEN, baseURL: `${one.url}/v1`, maxRetries: 0 })
    const asked = { model: 'endless', messages, stream: true } as const
    const stream = await sdk.chat.completions.create(asked, { signal: controller.signal })
    await stream[Symbol.asyncIterator]().next()
    expect(refusalCode(await complete(one), 429)).toBe('ERR_TOO_MANY_REQUESTS')
    controller.abort()
    await expect.poll(async () => (await complete(one, hello({ model: 'm' }))).status).toBe(200)
  })

  it('that the model loses is an error event and a broken connection, never an end', async () => {
    const response = await begin('/v1/chat/completions', { model: 'lost', messages, stream: true })
    const { text, isWhole } = await readAll(response)
    expect(isWhole).toBe(false)
    expect(text).toContain('"code":"ERR_TRUNCATED"')
    expect(text).not.toContain('data: [DONE]\n')
    const stream = await openai().chat.completions.create({ model: 'lost', messages, stream: true })
    const read = async (): Promise<void> => {
      for await (const { choices } of stream) expect(choices).toBeDefined()
    }
    await expect(read()).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  })

  it.each(['failing', 'unfinished'])('that the model ends early (%s) is an error', async (name) => {
    const stream = await openai().chat.completions.create({ model: name, messages, stream: true })
    const read = async (): Promise<void> => {
      for await (const { choices } of stream) expect(choices).toBeDefined()
    }
    await expect(read()).rejects.toBeInstanceOf(OpenAI.APIError)
  })

  it('waits for a caller that does not read, and so does the model', async () => {
    let written = 0
    const content = 'x'.repeat(10_000)
    const event = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`
    const fast = stopAfterTest(
      await startModelServer((response) => {
        response.setHeader('content-type', 'text/event-stream')
        const write = (): void => {
          while (!response.destroyed && written < 50_000_000) {
            written += event.length
            if (!response.write(event)) {
              response.once('drain', write)
              return
            }
          }
        }
        write()
      }),
    )
    const before = stopAfterTest(
      await newGateway({ engine: { kind: 'openai', baseUrl: fast.url, apiKey: undefined } }),
    )
    const { url } = await testProxy(before.url)
    const outgoing = request(`${url}/v1/chat/completions`, { method: 'POST', headers: caller() })
    outgoing.end(JSON.stringify({ model: 'm', messages, stream: true }))
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    response.pause()
    // All buffers on the way are full, and nothing moves.
    let last = -1
    await expect
      .poll(
        () => {
          const isStill = written === last
          last = written
          return isStill
        },
        { interval: 300 },
      )
      .toBe(true)
    expect(written).toBeLessThan(40_000_000)
    response.resume()
    await expect.poll(() => written).toBeGreaterThan(last)
    response.destroy()
  })
})
