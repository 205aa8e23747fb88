import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { fileGateway, logEntries } from '../support.js'
import { stream } from '../streams/stream-client.js'
import { ask, type InnerResponse } from './client.js'

const ALICE = 'the-api-key-of-alice'
const asAlice = { authorization: `Bearer ${ALICE}` }

/** A model server that reads forms. */
const seen: { request: IncomingMessage; bytes: Buffer; form?: FormData }[] = []
let answer = (response: ServerResponse): void => void response.end('{"text":"Hi"}')
const upstream = createServer((request, response) => {
  void buffer(request).then(async (bytes) => {
    const type = request.headers['content-type'] ?? ''
    const form = type.startsWith('multipart/')
      ? await new Response(bytes, { headers: { 'content-type': type } }).formData()
      : undefined
    if (request.url !== '/v1/models')
      seen.push({ request, bytes, ...(form === undefined ? {} : { form }) })
    answer(response)
  })
})
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
afterAll(() => {
  upstream.closeAllConnections()
  upstream.close()
})
const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
const gateway = await fileGateway({ args: ['--upstream', url, '--api-key', ALICE] })
const refusing = await fileGateway({
  args: ['--upstream', url, '--api-key', ALICE],
  config: {
    requests: { remoteMedia: 'refuse', unknownMembers: 'refuse', members: ['fallbacks'] },
    policy: { tiers: { standard: { models: ['m'] } } },
  },
})
const salting = await fileGateway({
  args: ['--api-key', ALICE, '--upstream', url],
  config: { engine: { kind: 'upstreams', upstreams: [{ name: 'u', url, cacheSalt: true }] } },
})
const demo = await fileGateway()

beforeEach(() => {
  seen.length = 0
  answer = (response) => {
    response.setHeader('content-type', 'application/json')
    response.end('{"text":"Hi","usage":{"type":"tokens","input_tokens":4,"total_tokens":9}}')
  }
})

const SOUND = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7919) % 256))

/** Bytes of a form, and their type. */
async function encoded(form: FormData): Promise<{ content: Uint8Array; type: string }> {
  const response = new Response(form)
  const content = new Uint8Array(await response.arrayBuffer())
  return { content, type: response.headers.get('content-type') ?? '' }
}

const formOf = (
  fields: Record<string, string | readonly string[]>,
  file: File | null = new File([SOUND], 'a "private"\r\nname.WAV', { type: 'audio/wav' }),
  name = 'file',
): FormData => {
  const form = new FormData()
  if (file !== null) form.append(name, file)
  for (const [field, values] of Object.entries(fields)) {
    for (const value of [values].flat()) form.append(field, value)
  }
  return form
}

const PATH = '/v1/audio/transcriptions'

async function send(
  form: FormData | { content: Uint8Array; type: string },
  { path = PATH, to = gateway } = {},
): Promise<InnerResponse> {
  const { content, type } = form instanceof FormData ? await encoded(form) : form
  return ask(to, { path, content, fields: { ...asAlice, 'content-type': type } })
}

describe.each(['transcriptions', 'translations'])('POST /v1/audio/%s', (name) => {
  const path = `/v1/audio/${name}`

  it('writes the form anew: model first, the file as it is, its name hidden', async () => {
    const fields = { prompt: 'a\r\n--x\r\nb', model: 'm', temperature: '0.5' }
    const { status, json } = await send(formOf(fields), { path })
    expect(status).toBe(200)
    expect(json).toMatchObject({ text: 'Hi', _metadata: { model: 'm', wire: { version: 2 } } })
    const { request, form } = seen[0]!
    expect(request.url).toBe(path)
    expect([...form!.keys()]).toEqual(['model', 'prompt', 'temperature', 'file'])
    expect(form!.get('prompt')).toBe('a\r\n--x\r\nb')
    const file = form!.get('file') as File
    expect({ name: file.name, type: file.type }).toEqual({ name: 'audio.wav', type: 'audio/wav' })
    expect(Buffer.from(await file.arrayBuffer()).equals(SOUND)).toBe(true)
  })

  it('counts the tokens that the model server reports', async () => {
    await send(formOf({ model: 'm' }), { path })
    await expect
      .poll(() => logEntries<Record<string, unknown>>(gateway.log()).at(-1))
      .toMatchObject({ endpoint: `POST ${path}`, promptTokens: 4, totalTokens: 9, model: 'm' })
  })

  it('is answered by the demo engine, which says so', async () => {
    const { status, json } = await send(formOf({ model: 'nomyo/demo' }), { path, to: demo })
    expect(status).toBe(200)
    expect(json['text']).toMatch(/^\[demo engine, not a model\] .* 70000 bytes/)
  })
})

describe('a form', () => {
  it('keeps repeated fields, and lists', async () => {
    const fields = { model: 'm', 'timestamp_granularities[]': ['word', 'segment'] }
    expect((await send(formOf(fields))).status).toBe(200)
    expect(seen[0]!.form!.getAll('timestamp_granularities[]')).toEqual(['word', 'segment'])
  })

  it('loses what belongs to the gateway, and gets the salt of its API key', async () => {
    const fields = { model: 'm', security_tier: 'high', cache_salt: 'of-another', language: 'de' }
    expect((await send(formOf(fields), { to: salting })).status).toBe(200)
    const { form } = seen[0]!
    expect([...form!.keys()]).toEqual(['model', 'language', 'cache_salt', 'file'])
    expect(form!.get('cache_salt')).toMatch(/^[\w-]{43}$/)
  })

  it('gets text as the model server writes it', async () => {
    answer = (response) => {
      response.setHeader('content-type', 'text/vtt; charset=utf-8')
      response.end('WEBVTT\n\n')
    }
    const { content, type } = await encoded(formOf({ model: 'm', response_format: 'vtt' }))
    const fields = { ...asAlice, 'content-type': type }
    const received = await stream(gateway, { path: PATH, content, fields })
    expect(await received.ended).toBe(true)
    expect(received.text).toBe('WEBVTT\n\n')
    expect(received.fields.get('content-type')).toBe('text/vtt; charset=utf-8')
  })

  it('streams events', async () => {
    answer = (response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.write('data: {"type":"transcript.text.delta","delta":"Hi"}\n\n')
      response.end('data: {"type":"transcript.text.done","text":"Hi"}\n\n')
    }
    const { content, type } = await encoded(formOf({ model: 'm', stream: 'true' }))
    const fields = { ...asAlice, 'content-type': type }
    const received = await stream(gateway, { path: PATH, content, fields })
    expect(await received.ended).toBe(true)
    expect(received.data.map((data) => (JSON.parse(data) as { type: string }).type)).toEqual([
      'transcript.text.delta',
      'transcript.text.done',
    ])
    expect(seen[0]!.form!.get('stream')).toBe('true')
  })

  it.each<[string, FormData, number]>([
    ['without a model', formOf({}), 400],
    ['with two models', formOf({ model: ['m', 'other'] }), 400],
    ['with a list of models', formOf({ model: 'm', 'model[]': 'other' }), 400],
    ['without a file', formOf({ model: 'm' }, null), 400],
    ['with an empty file', formOf({ model: 'm' }, new File([], 'a.wav')), 400],
    ['with a file of another name', formOf({ model: 'm' }, new File(['x'], 'a'), 'sound'), 400],
    ['with a key', formOf({ model: 'm', base_url: 'http://192.0.2.1' }), 400],
    ['with a name that is none', formOf({ model: 'm', 'a"; x="': '1' }), 400],
    ['with many fields', formOf({ model: 'm', x: Array.from({ length: 80 }, () => '1') }), 413],
    ['with a large field', formOf({ model: 'm', x: 'x'.repeat(3_000_000) }), 413],
  ])('%s is refused', async (_name, form, status) => {
    expect((await send(form)).status).toBe(status)
    expect(seen).toEqual([])
  })

  it('with two files is refused', async () => {
    const form = formOf({ model: 'm' })
    form.append('file', new File(['x'], 'b.wav'))
    expect((await send(form)).status).toBe(400)
    expect(seen).toEqual([])
  })

  it.each([
    ['of a model that is not allowed', { model: 'other' }, 403],
    ['of a field that is not known', { model: 'm', vendor: '1' }, 400],
    ['of the address of a sound', { model: 'm', file_url: 'https://192.0.2.1/a' }, 400],
    ['of the address of a voice', { model: 'm', 'known_speaker_references[]': 'http://x' }, 400],
    ['of a voice', { model: 'm', 'known_speaker_references[]': 'data:audio/wav;base64,AA' }, 200],
    ['of another model as fallback', { model: 'm', fallbacks: 'm' }, 403],
    ['of a list of models', { model: 'm', 'fallbacks[]': 'm' }, 403],
    ['of a list of servers', { model: 'm', 'base_url[]': 'http://x' }, 400],
  ])('%s falls under the rules', async (_name, fields, status) => {
    expect((await send(formOf(fields), { to: refusing })).status).toBe(status)
  })

  const wire = (text: string, boundary = 'b') => ({
    content: Buffer.from(text.replaceAll('\n', '\r\n')),
    type: `multipart/form-data; boundary=${boundary}`,
  })
  const part = (head: string, value: string) =>
    `--b\ncontent-disposition: form-data; ${head}\n\n${value}\n`
  const whole = `${part('name="model"', 'm')}${part('name="file"; filename="a"', 'x')}`

  it('of bytes is read', async () => {
    expect((await send(wire(`${whole}--b--\n`))).status).toBe(200)
  })

  it.each([
    ['without its end', wire(whole)],
    ['cut in its head', wire(`${whole}--b\ncontent-dispo`)],
    ['cut in its boundary', wire(`${whole}--b-`)],
    ['empty', wire('')],
    ['of another boundary', wire(`${whole}--b--\n`, 'c')],
    ['without a boundary', { ...wire(`${whole}--b--\n`), type: 'multipart/form-data' }],
    [
      'of a long boundary',
      wire(`${whole}--b--\n`.replaceAll('--b', `--${'b'.repeat(71)}`), 'b'.repeat(71)),
    ],
    [
      'in base64',
      wire(
        `${whole.replace('name="file"', 'name="file"')}--b--\n`.replace(
          '; filename="a"\n',
          '; filename="a"\ncontent-transfer-encoding: base64\n',
        ),
      ),
    ],
  ])('%s is refused', async (_name, body) => {
    expect((await send(body)).status).toBe(400)
    expect(seen).toEqual([])
  })

  it('of boundaries only is refused', async () => {
    expect((await send(wire('--b\n'.repeat(1000)))).status).toBe(413)
  })

  it.each(['application/json', 'text/plain', 'multipart/mixed; boundary=b'])(
    'of the type %s is refused',
    async (type) => {
      expect((await send({ ...wire(`${whole}--b--\n`), type })).status).toBe(415)
    },
  )
})

describe('POST /v1/audio/speech', () => {
  const speak = (to: { readonly url: string }, members: object = {}) =>
    stream(to, {
      ...{ path: '/v1/audio/speech', fields: asAlice },
      content: { model: 'm', input: 'Hi', voice: 'x', ...members },
    })

  it('streams sound as it comes', async () => {
    let finish = (): void => undefined
    answer = (response) => {
      response.setHeader('content-type', 'audio/mpeg')
      response.write('ID3')
      finish = () => void response.end('z'.repeat(200_000))
    }
    const received = await speak(gateway)
    await vi.waitFor(() => {
      expect(received.text).toBe('ID3')
    })
    finish()
    expect(await received.ended).toBe(true)
    expect(received.text).toHaveLength(200_003)
    expect(received.fields.get('content-type')).toBe('audio/mpeg')
  })

  it('is no whole sound where the model server is lost', async () => {
    answer = (response) => {
      response.setHeader('content-type', 'audio/mpeg')
      response.write('ID3', () => {
        setTimeout(() => response.destroy(), 50)
      })
    }
    const received = await speak(gateway)
    expect(await received.ended).toBe(false)
    expect(received.text).toBe('ID3')
  })

  it.each<[string, string, number]>([
    ['application/json', '{"error":{"message":"no voice","code":400}}', 400],
    ['application/json', '{"audio":"x"}', 502],
    ['text/html', '<p>', 502],
    ['audio/mpeg', '', 502],
  ])('is no sound where it is %s: %s', async (type, body, status) => {
    answer = (response) => {
      response.setHeader('content-type', type)
      response.end(body)
    }
    const received = await speak(gateway)
    await received.ended
    expect(received.status).toBe(status)
  })

  it('is made up by the demo engine, which says so', async () => {
    const received = await speak(demo, { model: 'nomyo/demo' })
    expect(await received.ended).toBe(true)
    expect(received.fields.get('content-type')).toBe('audio/wav')
    expect(received.text).toContain('[demo engine, not a model]')
  })
})
