import { join } from 'node:path'
import { startModelServer, temporaryFolder } from '@nomyo-internal/testing'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ROUTES } from '../../src/request-keys/statement.js'
import { addApiKey, fileGateway, logEntries, testGateway, testModelServer } from '../support.js'
import { metric } from '../measure.js'
import { stream } from '../streams/stream-client.js'
import { ask, type InnerResponse, type RequestOptions } from './client.js'

const ALICE = 'the-api-key-of-alice'
const NOTHING = new Uint8Array()
const asAlice = { authorization: `Bearer ${ALICE}` }

const upstream = await startModelServer()
afterAll(() => {
  upstream.stop()
})
const gateway = await fileGateway({
  args: [
    ...['--upstream', upstream.url, '--upstream-key', 'canary-upstream-key'],
    ...['--api-key', ALICE, '--metrics-port', '0'],
  ],
})
const demo = await fileGateway()

/** Sends a request of a route to a gateway. */
const post = (
  path: string,
  content: unknown,
  options: RequestOptions & { readonly to?: { readonly url: string } } = {},
): Promise<InnerResponse> => {
  const { to = gateway, ...others } = options
  return ask(to, { path: `/v1/${path}`, content, fields: asAlice, ...others })
}

/** The requests that the model server received, but for polls. */
const posts = () => upstream.seen.filter(({ method }) => method === 'POST')

/** The request that the model server received last. */
const seen = () => {
  const last = posts().at(-1)
  expect(last).toBeDefined()
  return { ...last!, json: JSON.parse(last!.body) as Record<string, unknown> }
}

const answers: Record<string, object> = {
  completions: { object: 'text_completion', choices: [{ index: 0, text: 'Hi' }] },
  embeddings: { object: 'list', data: [{ index: 0, embedding: [0.25, -1e-7] }] },
  responses: { object: 'response', output: [], error: null },
  rerank: { results: [{ index: 0, relevance_score: 0.5 }] },
  'images/generations': { created: 1, data: [{ b64_json: 'AAAA' }] },
}

const requests: Record<string, object> = {
  completions: { model: 'm', prompt: 'Once' },
  embeddings: { model: 'm', input: ['one', 'two'] },
  responses: { model: 'm', input: 'Hi' },
  rerank: { model: 'm', query: 'q', documents: ['a', 'b'] },
  'images/generations': { model: 'm', prompt: 'a cat' },
}

const usage = { input_tokens: 4, output_tokens: 5, total_tokens: 9 }
const events: Record<string, readonly object[]> = {
  completions: [
    { object: 'text_completion', choices: [{ index: 0, text: 'H', finish_reason: null }] },
    { object: 'text_completion', choices: [{ index: 0, text: 'i', finish_reason: 'stop' }] },
    { usageOnly: true, choices: [], usage },
  ],
  responses: [
    { type: 'response.created', response: { status: 'in_progress' } },
    { type: 'response.output_text.delta', delta: 'Hi' },
    { type: 'response.completed', response: { status: 'completed', usage } },
  ],
}

const table = Object.keys(requests).map(
  (path) => [path, requests[path] ?? {}, answers[path] ?? {}] as const,
)

beforeEach(() => {
  upstream.seen.length = 0
  upstream.answer = (response, { url }) => {
    const answer = answers[url?.replace('/v1/', '') ?? ''] ?? { data: [] }
    const usage = { prompt_tokens: 3, total_tokens: 3 }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...answer, model: 'm-served', usage, further: [1] }))
  }
})

describe.each(table)('POST /v1/%s', (path, request, answer) => {
  it('forwards the request, and answers with what the model server says', async () => {
    const { status, json, fields } = await post(path, { ...request, vendor: { kept: 1 } })
    expect(status).toBe(200)
    expect(fields.get('content-type')).toBe('application/json')
    const { _metadata, ...others } = json
    expect(others).toMatchObject({ ...answer, further: [1] })
    expect(_metadata).toMatchObject({
      response_status: 'success',
      model: 'm',
      wire: { version: 2 },
      tpm_attestation: { is_available: false },
    })
    const { url, method, headers, json: forwarded } = seen()
    expect({ url, method }).toEqual({ url: `/v1/${path}`, method: 'POST' })
    expect(forwarded).toMatchObject({ ...request, vendor: { kept: 1 } })
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer canary-upstream-key',
    })
  })

  it('counts tokens, and names its endpoint', async () => {
    const before = await metric(gateway, 'nomyo_key_tokens_total{key="--api-key 1",kind="prompt"}')
    const name = `nomyo_endpoint_requests_total{endpoint="POST /v1/${path}"}`
    const requestsBefore = await metric(gateway, name)
    await post(path, request)
    await expect.poll(() => metric(gateway, name)).toBe(requestsBefore + 1)
    const after = await metric(gateway, 'nomyo_key_tokens_total{key="--api-key 1",kind="prompt"}')
    expect(after).toBe(before + 3)
    await expect
      .poll(() => logEntries<Record<string, unknown>>(gateway.log()).at(-1))
      .toMatchObject({ endpoint: `POST /v1/${path}`, model: 'm', totalTokens: 3 })
  })

  it('loses what belongs to the gateway, and gets the salt of its API key', async () => {
    const more = { security_tier: 'high', cache_salt: 'of-another' }
    await post(path, { ...request, ...more }, { to: await salting })
    const { security_tier, cache_salt } = seen().json
    expect(security_tier).toBeUndefined()
    expect(cache_salt).toMatch(/^[\w-]{43}$/)
  })

  it('needs a model', async () => {
    const { status, json } = await post(path, { ...request, model: undefined })
    expect(status).toBe(400)
    expect(json).toMatchObject({ error: { param: 'model' } })
    expect(posts()).toEqual([])
  })

  it.each([
    ['no JSON', new TextEncoder().encode('{"model":'), 400],
    ['no object', new TextEncoder().encode('["m"]'), 400],
    ['two models', new TextEncoder().encode('{"model":"m","model":"x"}'), 400],
    [
      'deep',
      new TextEncoder().encode(`{"model":"m","x":${'['.repeat(300)}${']'.repeat(300)}}`),
      400,
    ],
    ['the address of a server', { ...request, base_url: 'http://192.0.2.1' }, 400],
    ['a key of its own', { ...request, api_key: 'k' }, 400],
  ])('refuses what is %s', async (_name, content, status) => {
    expect((await post(path, content)).status).toBe(status)
    expect(posts()).toEqual([])
  })

  it.each(['text/plain', 'multipart/form-data; boundary=x'])('refuses %s', async (type) => {
    const fields = { ...asAlice, 'content-type': type }
    expect((await post(path, request, { fields })).status).toBe(415)
  })

  it('answers 404 inside where the model server has no such route', async () => {
    upstream.answer = (response) => {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}')
    }
    const { status, json } = await post(path, request)
    expect(status).toBe(404)
    expect(json).toMatchObject({ error: { status: 404, message: 'Not Found' } })
  })

  it.each([
    [429, { error: { message: 'slow', code: 'rate_limit' } }, 429],
    [400, { error: { message: 'bad', param: 'input' } }, 400],
    [401, { error: { message: 'canary-upstream-key' } }, 502],
    [404, { error: { message: 'The model m does not exist', code: 'model_not_found' } }, 400],
    [500, { error: 'oops' }, 502],
    [200, { error: { message: 'late', code: 400 } }, 400],
    [200, { nothing: true }, 502],
    [200, ['a list'], 502],
    [302, {}, 502],
  ])('maps the status %s with %j to %s', async (given, body, status) => {
    upstream.answer = (response) => {
      response.writeHead(given, { 'content-type': 'application/json', 'retry-after': '7' })
      response.end(JSON.stringify(body))
    }
    const answered = await post(path, request)
    expect(answered.status).toBe(status)
    expect(answered.fields.get('retry-after')).toBe(status === 429 ? '7' : undefined)
    expect(answered.text + gateway.log()).not.toContain('canary-upstream-key')
  })

  it('is answered by the demo engine, which says so', async () => {
    const { status, text } = await post(path, { ...request, model: 'nomyo/demo' }, { to: demo })
    expect(status).toBe(200)
    expect(text).toContain('nomyo-demo-engine')
  })
})

describe.each(table.filter(([path]) => !(path in events)))('POST /v1/%s', (path, request) => {
  it('streams nothing', async () => {
    const { status, json } = await post(path, { ...request, stream: true })
    expect({ status, json }).toMatchObject({ status: 400, json: { error: { param: 'stream' } } })
    expect(posts()).toEqual([])
  })
})

describe.each(table.filter(([path]) => path in events))('POST /v1/%s', (path, request) => {
  it('streams the events of the model server, with its tokens', async () => {
    upstream.answer = (response) => {
      response.setHeader('content-type', 'text/event-stream')
      for (const event of events[path] ?? []) response.write(`data: ${JSON.stringify(event)}\n\n`)
      response.end(path === 'completions' ? 'data: [DONE]\n\n' : '')
    }
    const options = { path: `/v1/${path}`, content: { ...request, stream: true }, fields: asAlice }
    const received = await stream(gateway, options)
    expect(await received.ended).toBe(true)
    expect(received.status).toBe(200)
    expect(received.fields.get('content-type')).toMatch(/^text\/event-stream/)
    const [first, ...others] = received.data.filter((data) => data !== '[DONE]')
    expect(JSON.parse(first!)).toMatchObject({ _metadata: { model: 'm', wire: { version: 2 } } })
    expect(others.map((data) => JSON.parse(data) as unknown)).toEqual(
      (events[path] ?? []).slice(1).filter((event) => !('usageOnly' in event)),
    )
    expect(seen().json).toMatchObject({ stream: true })
    await expect
      .poll(() => logEntries<Record<string, unknown>>(gateway.log()).at(-1))
      .toMatchObject({ endpoint: `POST /v1/${path}`, totalTokens: 9, outcome: 'ok' })
  })

  it('is streamed by the demo engine, which says so', async () => {
    const content = { ...request, model: 'nomyo/demo', stream: true }
    const received = await stream(demo, { path: `/v1/${path}`, content })
    expect(await received.ended).toBe(true)
    expect(received.text).toContain('nomyo-demo-engine')
    expect(received.data.length).toBeGreaterThan(5)
  })

  it('has no answer of another form where it is streamed', async () => {
    const { status } = await post(path, { ...request, stream: true })
    expect(status).toBe(502)
  })
})

describe('POST /v1/completions', () => {
  it('is streamed with its tokens for the gateway, whatever the caller asks for', async () => {
    upstream.answer = (response) => {
      response.setHeader('content-type', 'text/event-stream')
      response.end('data: [DONE]\n\n')
    }
    const stream_options = { include_usage: false, include_obfuscation: true }
    const content = { model: 'm', prompt: 'x', stream: true, stream_options }
    const received = await stream(gateway, { path: '/v1/completions', content, fields: asAlice })
    expect(await received.ended).toBe(true)
    expect(seen().json['stream_options']).toEqual({ ...stream_options, include_usage: true })
  })
})

describe('POST /v1/responses', () => {
  it('stores nothing, whatever the caller asks for', async () => {
    await post('responses', { model: 'm', input: 'Hi', store: true, background: false })
    expect(seen().json['store']).toBe(false)
    await post('responses', { model: 'm', input: 'Hi' })
    expect(seen().json['store']).toBe(false)
  })

  it.each([
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['conversation', { conversation: { id: 'conv_1' } }],
    ['background', { background: true }],
    ['background', { background: 'yes' }],
    ['input', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['input', { input: [{ role: 'user', content: 'Hi' }, { id: 'msg_1' }] }],
    ['input', { input: [{ id: 'msg_1', type: null }] }],
  ])('refuses state by %s: %j', async (param, members) => {
    const { status, json } = await post('responses', { model: 'm', input: 'Hi', ...members })
    expect(status).toBe(400)
    expect(json).toMatchObject({ error: { param } })
    expect(posts()).toEqual([])
  })

  it('refuses references whose type is escaped', async () => {
    const content = '{"model":"m","input":[{"\\u0074ype":"item\\u005freference","id":"x"}]}'
    expect((await post('responses', new TextEncoder().encode(content))).status).toBe(400)
  })

  it.each([
    [{ previous_response_id: null, conversation: null, background: null }],
    [{ input: [{ id: 'msg_1', type: 'message', role: 'assistant', content: [] }] }],
    [{ input: [{ role: 'user', content: 'item_reference' }] }],
    [
      {
        input: [
          { type: 'function_call_output', call_id: 'c', output: '{"type":"item_reference"}' },
        ],
      },
    ],
  ])('forwards %j', async (members) => {
    expect((await post('responses', { model: 'm', input: 'Hi', ...members })).status).toBe(200)
  })
})

describe('rules', () => {
  const limited = async (requests: object, more: readonly string[] = []) =>
    testGateway({
      args: ['--upstream', upstream.url, '--api-key', ALICE, ...more],
      config: { requests },
    })

  it('limit the tokens of each route by its own member', async () => {
    const to = await limited({ maxTokens: 100 })
    await post('responses', { model: 'm', input: 'Hi' }, { to })
    expect(seen().json).toMatchObject({ max_output_tokens: 100 })
    await post('completions', { model: 'm', prompt: 'Hi' }, { to })
    expect(seen().json).toMatchObject({ max_tokens: 100 })
    await post('embeddings', { model: 'm', input: 'Hi' }, { to })
    expect(seen().json).not.toHaveProperty('max_tokens')
    upstream.seen.length = 0
    const high = { model: 'm', input: 'Hi', max_output_tokens: 101 }
    expect((await post('responses', high, { to })).status).toBe(400)
    const images = { model: 'm', prompt: 'x', n: 129 }
    expect((await post('images/generations', images, { to })).status).toBe(400)
    expect(posts()).toEqual([])
  })

  const picture = 'https://192.0.2.1/x.png'
  it.each<[string, object, number]>([
    ['responses', { input: [{ role: 'user', content: [{ image_url: picture }] }] }, 400],
    ['responses', { input: [{ content: [{ type: 'input_file', file_url: picture }] }] }, 400],
    ['responses', { input: [{ output: [{ image_url: 'data:image/png;base64,AA' }] }] }, 200],
    ['responses', { input: 'x', tools: [{ type: 'mcp', server_url: picture }] }, 400],
    ['responses', { input: picture, metadata: { url: picture } }, 200],
    ['embeddings', { input: [{ image: picture }] }, 400],
    ['embeddings', { input: [{ image: 'iVBORw0KGgo=' }] }, 200],
    ['embeddings', { messages: [{ content: [{ image_url: { url: picture } }] }] }, 400],
    ['rerank', { query: 'q', documents: [{ image: 'FILE:///etc/passwd' }] }, 400],
    ['images/generations', { prompt: 'x', image: [picture] }, 400],
    ['images/generations', { prompt: picture }, 200],
    ['audio/speech', { input: 'x', ref_audio: picture }, 400],
    ['audio/speech', { input: 'x', voice: { url: picture } }, 400],
  ])('refuse media of an address: %s %j', async (path, members, status) => {
    const to = await refusing
    expect((await post(path, { model: 'm', ...members }, { to })).status).toBe(status)
  })

  it.each([
    ['"\\u0068ttps://x/y.png"', 400],
    ['"ht\\u0074ps://x/y.png"', 400],
    ['"DATA:image/png;base64,AA"', 200],
    ['"\\/9j\\/4AAQ"', 200],
    ['"Ym9keQ=="', 200],
    ['1', 200],
  ])('see through escapes: %s', async (image, status) => {
    const content = new TextEncoder().encode(`{"model":"m","input":[{"\\u0069mage":${image}}]}`)
    expect((await post('embeddings', content, { to: await refusing })).status).toBe(status)
  })

  it('refuse members that no route of the API has', async () => {
    const to = await limited({ unknownMembers: 'refuse' })
    const known = { model: 'm', input: 'x' }
    expect((await post('embeddings', { ...known, dimensions: 1 }, { to })).status).toBe(200)
    expect((await post('embeddings', { ...known, messages: [] }, { to })).status).toBe(400)
    expect((await post('responses', { ...known, truncation: 'auto' }, { to })).status).toBe(200)
  })
})

const salting = fileGateway({
  args: ['--upstream', upstream.url, '--api-key', ALICE],
  config: {
    engine: { kind: 'upstreams', upstreams: [{ name: 'u', url: upstream.url, cacheSalt: true }] },
  },
})

const refusing = fileGateway({
  args: ['--upstream', upstream.url, '--api-key', ALICE],
  config: { requests: { remoteMedia: 'refuse' } },
})

describe('a restriction of models', () => {
  it.each<[string, object, number]>([
    ['embeddings', { model: 'allowed', input: 'x' }, 200],
    ['embeddings', { model: 'other', input: 'x' }, 403],
    ['rerank', { model: 'allowed', fallbacks: ['other'], query: 'q', documents: [] }, 403],
    ['embeddings', { model: 'allowed', Model: 'other', input: 'x' }, 400],
    ['responses', { model: 'allowed', input: 'x', tools: [{ model: 'other' }] }, 403],
    ['responses', { model: 'allowed', input: 'x', tools: [{ Model: 'other' }] }, 403],
    [
      'responses',
      { model: 'allowed', input: 'x', tools: [{ '\u017ferver_URL': 'http://a' }] },
      400,
    ],
    ['responses', { model: 'allowed', input: 'x', Previous_Response_ID: 'a' }, 400],
    ['responses', { model: 'allowed', input: [{ ID: 'a', Type: 'item_reference' }] }, 400],
    ['responses', { model: 'allowed', input: 'x', tools: [{ type: 'function', name: 'f' }] }, 200],
  ])('covers %s %j', async (path, content, status) => {
    const to = await restricted
    expect((await post(path, content, { to })).status).toBe(status)
  })
})

const restricted = fileGateway({
  args: ['--upstream', upstream.url, '--api-key', ALICE],
  config: { policy: { tiers: { standard: { models: ['allowed'] } } } },
})

describe('an API key', () => {
  it('for some models and tiers is for them at every endpoint', async () => {
    const file = join(temporaryFolder(), 'keys.json')
    const models = ['--models', 'allowed', '--tiers', 'standard']
    const key = await addApiKey(file, '--name', 'carol', ...models)
    const to = await testGateway({ args: ['--upstream', upstream.url, '--keys-file', file] })
    const fields = { authorization: `Bearer ${key}` }
    const statusOf = async (model: string, tier = 'standard') => {
      const content = { model, input: 'x' }
      const given = { ...fields, 'x-security-tier': tier }
      return (await post('embeddings', content, { to, fields: given })).status
    }
    expect(await statusOf('allowed')).toBe(200)
    expect(await statusOf('other')).toBe(403)
    expect(await statusOf('allowed', 'high')).toBe(403)
    upstream.answer = (response) => {
      response.end('{"data":[{"id":"allowed"},{"id":"other"}]}')
    }
    const list = await ask(to, { method: 'GET', path: '/v1/models', fields, content: NOTHING })
    expect(list.json['data']).toMatchObject([{ id: 'allowed' }])
  })
})

describe('model servers', () => {
  it('that lack a route are asked last for it, and as before for others', async () => {
    const [without, having] = [await testModelServer(), await testModelServer()]
    without.answer = (response, { url }) => {
      if (url === '/v1/embeddings') response.writeHead(404).end('404 page not found')
      else response.end(JSON.stringify(answers['completions']))
    }
    having.answer = (response) => response.end(JSON.stringify(answers['embeddings']))
    const to = await testGateway({
      args: ['--upstream', without.url, '--upstream', having.url, '--api-key', ALICE],
    })
    const asked = (server: typeof having, path: string) =>
      server.seen.filter(({ url }) => url === `/v1/${path}`).length
    for (let at = 0; at < 4; at++) {
      expect((await post('embeddings', { model: 'm', input: 'x' }, { to })).status).toBe(200)
    }
    expect(asked(without, 'embeddings')).toBe(1)
    expect(asked(having, 'embeddings')).toBe(4)
    for (let at = 0; at < 4; at++) {
      await post('completions', { model: 'm', prompt: 'x' }, { to })
    }
    expect(asked(without, 'completions')).toBeGreaterThan(0)
  })
})

it('every route of the statement exists', async () => {
  for (const route of ROUTES) {
    const [method = '', path = ''] = route.split(' ')
    const { status } = await ask(demo, {
      ...{ method, path: path.replace('{id}', 'nomyo%2Fecho') },
      content: new TextEncoder().encode(method === 'GET' ? '' : '{}'),
    })
    const takesForms = path.includes('audio/trans')
    const expected = method === 'GET' ? 200 : takesForms ? 415 : 400
    expect({ route, status }).toEqual({ route, status: expected })
  }
})
