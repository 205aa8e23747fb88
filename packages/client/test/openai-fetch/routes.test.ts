import {
  SCRIPTED_AUDIO,
  SCRIPTED_TEXT,
  shared,
  startScriptedModel,
  until,
} from '@nomyo-internal/testing'
import OpenAI, { toFile } from 'openai'
import { beforeEach, describe, expect, it } from 'vitest'
import { failureOf } from '../hostile/support.js'
import { GATEWAY_URL, SDK_URL, useGateway, useNomyoFetch } from './support.js'

const TEXT = SCRIPTED_TEXT.join('')
const messages = [{ role: 'user' as const, content: 'canary' }]

const model = shared(startScriptedModel)
const gatewayUrl = useGateway(() => ({
  engine: { kind: 'openai', baseUrl: model().url, apiKey: undefined },
}))
const { network, nomyoFetch, openai } = useNomyoFetch({ wire: 2 })
const sdk = openai()

beforeEach(() => {
  network.target = gatewayUrl()
  model().seen.length = 0
})

/** The last request to the model server. */
const received = () => {
  const { method, url, body, headers } = model().seen.at(-1)!
  return { route: `${String(method)} ${String(url)}`, body, type: headers['content-type'] }
}

const post = (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  nomyoFetch(`${SDK_URL}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: 'Bearer the-key-of-the-sdk' },
    ...init,
  })

describe('every route', () => {
  const file = () => toFile(new Uint8Array(1000), 'a.wav', { type: 'audio/wav' })
  const input = ['canary']

  it.each<[string, () => Promise<unknown>, unknown]>([
    [
      'POST /v1/completions',
      async () => (await sdk.completions.create({ model: 'm', prompt: 'canary' })).choices[0]?.text,
      TEXT,
    ],
    [
      'POST /v1/embeddings',
      async () => (await sdk.embeddings.create({ model: 'm', input })).data[0]?.embedding,
      [0.25, -0.5, 1],
    ],
    [
      'POST /v1/responses',
      async () => (await sdk.responses.create({ model: 'm', input: 'canary' })).output_text,
      TEXT,
    ],
    [
      'POST /v1/responses',
      async () => {
        let text = ''
        const stream = await sdk.responses.create({ model: 'm', input: 'canary', stream: true })
        for await (const event of stream) {
          if (event.type === 'response.output_text.delta') text += event.delta
        }
        return text
      },
      TEXT,
    ],
    [
      'POST /v1/images/generations',
      async () => (await sdk.images.generate({ model: 'm', prompt: 'canary' })).data?.[0]?.b64_json,
      'iVBORw0KGgo=',
    ],
    [
      'POST /v1/audio/speech',
      async () => {
        const speech = { model: 'm', input: 'canary', voice: 'alloy' } as const
        return new Uint8Array(await (await sdk.audio.speech.create(speech)).arrayBuffer())
      },
      SCRIPTED_AUDIO,
    ],
    [
      'POST /v1/audio/transcriptions',
      async () =>
        (
          await sdk.audio.transcriptions.create({
            model: 'm',
            file: await file(),
            prompt: 'canary',
          })
        ).text,
      TEXT,
    ],
    [
      'POST /v1/audio/translations',
      async () =>
        (await sdk.audio.translations.create({ file: await file(), model: 'm', prompt: 'canary' }))
          .text,
      TEXT,
    ],
    [
      'POST /v1/rerank',
      async () => {
        const body = { model: 'm', query: 'canary', documents: ['a', 'b'] }
        return (await (await post('/rerank', body)).json()) as unknown
      },
      expect.objectContaining({ results: [{ index: 1, relevance_score: 0.5 }] }),
    ],
  ])('%s is passed on, and its answer back', async (route, call, answer) => {
    expect(await call()).toEqual(answer)
    expect(received().route).toBe(route)
    expect(received().body).toContain('canary')
    const encrypted = [`${GATEWAY_URL}/pki/wire2`, `${GATEWAY_URL}/.well-known/ohttp-gateway`]
    expect(new Set([...network.urls, ...encrypted])).toEqual(new Set(encrypted))
  })

  it('passes members on that no SDK knows, and takes out those that route the request', async () => {
    const own = { model: 'm', input: 'x', top_k: 3, nested: { '': [null, 1.5, 'ü'] } }
    const response = await post('/embeddings', {
      ...own,
      api_key: 'the-key-of-the-sdk',
      security_tier: 'standard',
    })
    expect(response.status).toBe(200)
    expect(JSON.parse(received().body)).toEqual(own)
  })

  it('asks for the models inside the encryption, by any name', async () => {
    expect((await sdk.models.list()).data.map(({ id }) => id)).toEqual(['m'])
    expect((await sdk.models.retrieve('m')).id).toBe('m')
    const unknown = await failureOf(sdk.models.retrieve('a/b c?%'))
    expect(unknown).toBeInstanceOf(OpenAI.NotFoundError)
    expect(network.urls).not.toContain(`${GATEWAY_URL}/v1/models`)
  })

  it('is found by the end of its path, whatever the base URL', async () => {
    const body = JSON.stringify({ model: 'm', input: 'x' })
    const headers = { 'api-key': 'the-key-of-the-sdk' }
    for (const url of [
      'https://azure.test/openai/deployments/m/embeddings?api-version=2025-04-01',
      'https://azure.test/openai/v1/embeddings?api-version=preview',
      '/api/embeddings',
    ]) {
      const response = await nomyoFetch(url, { method: 'POST', body, headers })
      expect([response.status, response.url]).toEqual([200, url])
    }
  })
})

describe('a stream', () => {
  const request = { model: 'endless', messages, stream: true }

  it('arrives as the model makes it, and ends the model when it is cancelled', async () => {
    const response = await post('/chat/completions', request)
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(response.headers.get('x-nomyo-stream')).toBeNull()
    expect(response.url).toBe(`${SDK_URL}/chat/completions`)
    const reader = response.body!.getReader()
    const { value } = await reader.read()
    expect(Buffer.from(value!).toString()).toMatch(/^data: \{/)
    const { socket } = model().seen[0]!
    expect(socket.destroyed).toBe(false)
    await reader.cancel()
    await until(() => socket.destroyed)
  })

  it('fails with the reason of the signal after an abort, as with fetch, and ends the model', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const response = await post('/chat/completions', request, { signal: controller.signal })
    const reader = response.body!.getReader()
    await reader.read()
    controller.abort(reason)
    const read = async (): Promise<void> => {
      while (!(await reader.read()).done);
    }
    expect(await failureOf(read())).toBe(reason)
    await until(() => model().seen[0]!.socket.destroyed)
  })

  it('ends without an error where the SDK aborts it while it waits', async () => {
    const stream = await sdk.chat.completions.create({ ...request, stream: true })
    let count = 0
    for await (const chunk of stream) {
      expect(chunk.object).toBe('chat.completion.chunk')
      count++
      // After the last event that comes.
      if (count === 4) setTimeout(() => stream.controller.abort(), 50)
    }
    expect(count).toBe(4)
  })

  it.each([
    ['lost', { code: 'ERR_TRUNCATED' }],
    ['failing', { code: 'oom', type: 'server_error' }],
    ['unfinished', { code: 'upstream_failed' }],
  ])('that is %s fails after the parts that came', async (name, error) => {
    const stream = await sdk.chat.completions.create({ model: name, messages, stream: true })
    let text = ''
    const read = async (): Promise<void> => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(await failureOf(read())).toMatchObject(error)
    expect(text).toBe(SCRIPTED_TEXT.slice(0, 3).join(''))
  })
})

describe('a body', () => {
  const json = JSON.stringify({ model: 'm', input: 'x' })
  const headers = { authorization: 'Bearer the-key-of-the-sdk' }
  const call = (body: BodyInit): Promise<Response> =>
    nomyoFetch(`${SDK_URL}/embeddings`, { method: 'POST', body, headers })

  it.each<[string, () => Promise<Response>]>([
    ['a text', () => call(json)],
    ['bytes', () => call(new TextEncoder().encode(json))],
    ['a Blob', () => call(new Blob([json]))],
    ['a stream', () => call(new Blob([json]).stream())],
    [
      'a stream of a Request',
      () => {
        const init = { method: 'POST', body: new Blob([json]).stream(), headers, duplex: 'half' }
        return nomyoFetch(new Request(`${SDK_URL}/embeddings`, init))
      },
    ],
  ])('may be %s', async (_, send) => {
    expect((await send()).status).toBe(200)
    expect(received()).toMatchObject({ body: json, type: 'application/json' })
  })

  it('may be the form of a Request, whose boundary is kept', async () => {
    const form = new FormData()
    form.set('file', new Blob([new Uint8Array(10)]), 'a.wav')
    form.set('model', 'm')
    const request = new Request(`${SDK_URL}/audio/transcriptions`, {
      method: 'POST',
      body: form,
      headers,
    })
    expect((await nomyoFetch(request)).status).toBe(200)
    expect(received().type).toMatch(/^multipart\/form-data; *boundary=/)
  })

  it('is refused before anything is sent where it is no JSON object', async () => {
    await (await call(json)).text()
    model().seen.length = 0
    for (const body of ['', '[]', '"canary"', '{"model":']) {
      const response = await call(body)
      expect([response.status, body]).toEqual([400, body])
      expect(await response.text()).not.toContain('canary')
    }
    expect(model().seen).toEqual([])
  })
})
