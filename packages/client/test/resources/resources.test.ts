import { expectCode } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { StandardSchema } from '../../src/index.js'
import { connect, hello, newClient, startSealedServer } from '../fetch/support.js'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** The same server by another name, as the relay before it. */
const relayTo = ({ url }: { readonly url: string }): string => url.replace('127.0.0.1', 'localhost')

describe('a resource', () => {
  it('of JSON sends its request encrypted, and returns the answer', async () => {
    const { client, server } = await connect(({ whole, route }) => whole(200, { route, data: [] }))
    const options = { headers: { 'openai-beta': 'x' } }
    const answers = [
      await client.embeddings.create({ model: 'm', input: 'Hi' }, options),
      await client.images.generate({ model: 'm', prompt: 'a cat' }),
      await client.models.list(),
      await client.models.retrieve('a/b'),
    ]
    expect(answers.map((answer) => (answer as unknown as { route: string }).route)).toEqual([
      'POST /v1/embeddings',
      'POST /v1/images/generations',
      'GET /v1/models',
      'GET /v1/models/a%2Fb',
    ])
    expect(text(server.requests[0]!.content)).toBe('{"model":"m","input":"Hi"}')
    expect(server.requests[0]?.fields['openai-beta']).toBe('x')
  })

  it('of speech returns its bytes as they come', async () => {
    const sound = Uint8Array.from({ length: 70_000 }, (_, at) => at & 255)
    const { client } = await connect(async ({ begin }) => {
      const stream = await begin('audio/mpeg')
      await stream.send(sound.subarray(0, 60_000))
      await stream.send(sound.subarray(60_000))
      await stream.end()
    })
    const response = await client.audio.speech.create({ model: 'm', input: 'Hi', voice: 'v' })
    expect(response.headers.get('content-type')).toBe('audio/mpeg')
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.from(sound))).toBe(true)
  })

  it('of a transcription sends a form, with the model first', async () => {
    const { client, server } = await connect(async ({ whole, begin, content }) => {
      if (text(content).includes('srt')) {
        const stream = await begin('text/plain')
        await stream.send('1\n00:00')
        await stream.end()
      } else await whole(200, { text: 'Hello' })
    })
    const file = new File(['sound'], 'a.wav', { type: 'audio/wav' })
    const request = { file, model: 'whisper', timestamp_granularities: ['word' as const] }
    expect(await client.audio.transcriptions.create(request)).toEqual({ text: 'Hello' })
    const srt = { ...request, response_format: 'srt' as const }
    expect(await client.audio.translations.create(srt)).toBe('1\n00:00')
    const [first, second] = server.requests
    expect(first?.fields['content-type']).toMatch(/^multipart\/form-data; boundary=/)
    const form = await new Response(first!.content, {
      headers: { 'content-type': first!.fields['content-type']! },
    }).formData()
    expect([...form.keys()]).toEqual(['model', 'timestamp_granularities[]', 'file'])
    expect(form.get('file')).toMatchObject({ name: 'a.wav', type: 'audio/wav' })
    expect(second?.route).toBe('POST /v1/audio/translations')
    const wrong = { model: 'm', file: 'a.wav' } as never
    await expectCode(client.audio.transcriptions.create(wrong), 'ERR_INVALID_REQUEST')
  })

  it('that the gateway does not offer is refused; models are listed under TLS then', async () => {
    const server = await startSealedServer(() => undefined, {
      routes: ['POST /v1/chat/completions'],
    })
    const model = { id: 'a/b', object: 'model' }
    server.answers['GET /v1/models'] = (response) => response.end(JSON.stringify({ data: [model] }))
    const client = newClient(server)
    await expectCode(client.embeddings.create({ model: 'm', input: 'x' }), 'ERR_ROUTE')
    const { data } = await client.models.list()
    expect(data).toEqual([model])
    expect(await client.models.retrieve('a/b')).toEqual(model)
    await expect(client.models.retrieve('no such model')).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    })
    await expectCode(client.models.retrieve(''), 'ERR_INVALID_REQUEST')
  })

  it('never leaves the relay: models that it cannot ask for are not asked for', async () => {
    const server = await startSealedServer(({ whole }) => whole(200, { data: [] }), {
      routes: ['POST /v1/chat/completions'],
    })
    const client = newClient(server, { relayUrl: relayTo(server) })
    await expectCode(client.models.list(), 'ERR_ROUTE')
    await expectCode(client.models.retrieve('m'), 'ERR_ROUTE')
    expect(server.seen).toEqual(['GET /pki/wire2'])
    const other = await connect(({ whole }) => whole(200, { object: 'list', data: [] }))
    const relayed = newClient(other.server, { relayUrl: relayTo(other.server) })
    expect(await relayed.models.list()).toEqual({ object: 'list', data: [] })
  })

  it.each([{}, { data: 'text' }, { data: [null] }, { data: [{ id: 7 }] }])(
    'of models refuses %j, which is no list of them',
    async (answer) => {
      const { client } = await connect(({ whole }) => whole(200, answer))
      await expectCode(client.models.list(), 'ERR_PLAINTEXT_INVALID')
    },
  )

  it('throws the refusal of the gateway, and an error for an answer that is no JSON', async () => {
    const { client } = await connect(async ({ whole, begin, route }) => {
      if (route.endsWith('embeddings')) await whole(403, { detail: 'not this model' })
      else {
        const stream = await begin('application/json')
        await stream.send('{"data":')
        await stream.end()
      }
    })
    await expect(client.embeddings.create({ model: 'm', input: 'x' })).rejects.toMatchObject({
      name: 'ForbiddenError',
      authenticated: true,
    })
    await expectCode(client.images.generate({ prompt: 'x' }), 'ERR_PLAINTEXT_INVALID')
  })

  it('is refused with wrong arguments before anything is sent, and after dispose', async () => {
    const { client, server } = await connect(() => undefined)
    for (const wrong of [null, 1, 'text', [], new Date(0)] as never[]) {
      await expectCode(client.models.list(wrong), 'ERR_INVALID_OPTION')
      await expectCode(
        client.embeddings.create({ model: 'm', input: '' }, wrong),
        'ERR_INVALID_OPTION',
      )
    }
    for (const wrong of [undefined, null, 1, 'text', []] as never[]) {
      await expectCode(client.embeddings.create(wrong), 'ERR_INVALID_REQUEST')
      await expectCode(client.responses.create(wrong), 'ERR_INVALID_REQUEST')
    }
    for (const id of ['', 7, '\ud800']) {
      await expectCode(client.models.retrieve(id as never), 'ERR_INVALID_REQUEST')
    }
    const chunked = { file: new Blob(['a']), model: 'm', chunking_strategy: { type: 'server_vad' } }
    await expectCode(client.audio.transcriptions.create(chunked as never), 'ERR_INVALID_REQUEST')
    const cyclic: Record<string, unknown> = { model: 'm' }
    cyclic['input'] = cyclic
    await expectCode(client.embeddings.create(cyclic as never), 'ERR_INVALID_REQUEST')
    client.dispose()
    await expectCode(client.models.list(), 'ERR_KEY_DISPOSED')
    expect(server.seen).toEqual([])
  })
})

describe('chat.completions.parse', () => {
  const answering =
    (content: unknown) => (exchange: Parameters<Parameters<typeof startSealedServer>[0]>[0]) =>
      exchange.whole(200, {
        choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      })
  const Weather = z.object({ city: z.string(), celsius: z.number() })

  it('validates the answer with a schema, which the model server gets as JSON Schema', async () => {
    const { client, server } = await connect(answering('{"city":"Bern","celsius":7}'))
    const { choices } = await client.chat.completions.parse({ ...hello, response_format: Weather })
    const parsed: { city: string; celsius: number } | null | undefined = choices[0]?.message.parsed
    expect(parsed).toEqual({ city: 'Bern', celsius: 7 })
    const sent = JSON.parse(text(server.requests[0]!.content)) as Record<string, unknown>
    expect(sent['response_format']).toMatchObject({
      type: 'json_schema',
      json_schema: { strict: true, schema: { type: 'object', required: ['city', 'celsius'] } },
    })
  })

  it('takes a schema that is a function and has no JSON Schema', async () => {
    const schema: StandardSchema<number> = Object.assign(() => undefined, {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) => Promise.resolve({ value: (value as { n: number }).n }),
      },
    })
    const { client, server } = await connect(answering('{"n":4}'))
    const { choices } = await client.chat.completions.parse({ ...hello, response_format: schema })
    expect(choices[0]?.message.parsed).toBe(4)
    expect(text(server.requests[0]!.content)).toContain('{"type":"json_object"}')
  })

  it('takes a schema that JSON Schema cannot describe, and one whose validation is a method', async () => {
    const { client, server } = await connect(answering('{"at":"2026-01-02"}'))
    const Dated = z.object({ at: z.string().pipe(z.transform((at) => new Date(at))) })
    const Undescribed = z.object({ at: z.coerce.date().or(z.date()) })
    for (const response_format of [Dated, Undescribed]) {
      const { choices } = await client.chat.completions.parse({ ...hello, response_format })
      expect(choices[0]?.message.parsed?.at).toEqual(new Date('2026-01-02'))
    }
    expect(text(server.requests[1]!.content)).toContain('{"type":"json_object"}')

    const standard = {
      version: 1 as const,
      vendor: 'test',
      fixed: 'fixed',
      validate() {
        return { value: this.fixed }
      },
    }
    const asked = { ...hello, response_format: { '~standard': standard } }
    const { choices } = await client.chat.completions.parse(asked)
    expect(choices[0]?.message.parsed).toBe('fixed')
  })

  it('refuses an answer that does not fit, with the paths and no words of it', async () => {
    for (const [content, paths] of [
      ['{"city":"SECRET","celsius":"SECRET"}', ['celsius']],
      ['SECRET', []],
    ] as const) {
      const { client } = await connect(answering(content))
      const parsing = client.chat.completions.parse({ ...hello, response_format: Weather })
      const error = await parsing.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject({ code: 'ERR_ANSWER_FORMAT', errorDetails: { paths } })
      expect(JSON.stringify([error, String(error)])).not.toContain('SECRET')
    }
  })

  it('has null for a refusal, and refuses what is no schema', async () => {
    const { client, server } = await connect(answering(null))
    const { choices } = await client.chat.completions.parse({ ...hello, response_format: Weather })
    expect(choices[0]?.message.parsed).toBeNull()
    for (const wrong of [undefined, { type: 'json_object' }, { '~standard': {} }]) {
      const asked = { ...hello, response_format: wrong } as never
      await expectCode(client.chat.completions.parse(asked), 'ERR_INVALID_REQUEST')
    }
    expect(server.requests).toHaveLength(1)
  })
})
