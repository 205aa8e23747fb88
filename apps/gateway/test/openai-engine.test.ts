import { once } from 'node:events'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { startModelServer } from '@nomyo-internal/testing'
import {
  chat,
  complete,
  expectAlive,
  holdAnswer,
  refusalOf,
  send,
  startGateway,
  testGateway,
  type Answer,
} from './support.js'

const PROMPT = 'canary-prompt'
const ERROR_TEXT = 'canary-upstream-error'
const UPSTREAM_KEY = 'canary-upstream-key'

const upstream = await startModelServer()
const gateway = await startGateway({
  args: ['--upstream', upstream.url, '--upstream-key', UPSTREAM_KEY, '--log-level', 'debug'],
})
afterAll(async () => {
  await gateway.stop()
  upstream.stop()
})

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'some/model',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hi!' } }],
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  vendor_extension: { kept: [1, null, 'x'] },
}

beforeEach(() => {
  upstream.seen.length = 0
  upstream.answer = (response) => response.end(JSON.stringify(completion))
})

const ask = async (request: object = chat(PROMPT)): Promise<Answer> => send(gateway, request)

/** Checks a refusal, and that nothing of the upstream, the prompt or the key shows anywhere. */
function expectRefusal(answer: Answer, status: number): void {
  for (const text of [refusalOf(answer, status), gateway.log()]) {
    expect(text).not.toContain('canary')
    expect(text).not.toContain(upstream.url)
  }
}

describe('a request', () => {
  const request = {
    model: 'some/model',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'h\u00e9llo \u{1f600} \u0000 \ud800' }] },
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function' }] },
    ],
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    tool_choice: 'auto',
    temperature: 0,
    max_tokens: 10,
    stop: ['\n'],
    n: 1,
    logit_bias: { '50256': -100 },
    vendor_extension: { kept: true },
  }

  it('arrives unchanged but for streaming, which is declined', async () => {
    const streaming = { ...request, stream: true, stream_options: { include_usage: true } }
    expect((await ask(streaming)).status).toBe(200)
    expect(upstream.seen).toHaveLength(1)
    const [seen] = upstream.seen
    expect(seen!.url).toBe('/v1/chat/completions')
    expect(JSON.parse(seen!.body)).toEqual({ ...request, stream: false })
    expect(seen!.headers['content-length']).toBe(String(Buffer.byteLength(seen!.body)))
    expect(seen!.headers['content-type']).toBe('application/json')
    expect(seen!.headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`)
  })

  it('takes none of the headers of the caller along', async () => {
    await send(gateway, request, {
      authorization: 'Bearer of-the-caller',
      cookie: 'session=1',
      'x-security-tier': 'high',
    })
    const { headers } = upstream.seen[0]!
    expect(headers.authorization).toBe(`Bearer ${UPSTREAM_KEY}`)
    for (const name of ['cookie', 'x-payload-id', 'x-public-key', 'x-security-tier']) {
      expect(headers, name).not.toHaveProperty([name])
    }
  })

  it('goes below the path of the upstream, without a key where there is none', async () => {
    const keyless = await testGateway({ args: ['--upstream', `${upstream.url}/deeper///`] })
    expect((await send(keyless, request)).status).toBe(200)
    expect(upstream.seen[0]!.url).toBe('/v1/deeper/chat/completions')
    expect(upstream.seen[0]!.headers).not.toHaveProperty('authorization')
  })

  it('that is no chat request never arrives', async () => {
    expect((await ask({ model: 'm' })).status).toBe(400)
    expect(upstream.seen).toHaveLength(0)
  })
})

describe('an answer', () => {
  it('comes back sealed, every member of it', async () => {
    const { _metadata: metadata, ...rest } = await complete(gateway, chat(PROMPT))
    expect(rest).toEqual(completion)
    expect(metadata).toMatchObject({ response_status: 'success', security_tier: 'standard' })
  })

  it('cannot speak for the gateway', async () => {
    const _metadata = { payload_id: 'forged', tpm_attestation: { is_valid: true } }
    upstream.answer = (response) => response.end(JSON.stringify({ ...completion, _metadata }))
    const answer = await complete(gateway, chat(PROMPT), { 'x-payload-id': 'genuine' })
    expect(answer._metadata).toEqual({
      payload_id: 'genuine',
      response_status: 'success',
      security_tier: 'standard',
      model: 'nomyo/echo',
      memory_protection: expect.not.objectContaining({ upstream: expect.anything() }),
      cuda_device: expect.not.objectContaining({ upstream: expect.anything() }),
      tpm_attestation: { is_available: false },
      wire: { min: '1.0', statement_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    })
  })

  it('passes on what the upstream states of its own host, marked as such', async () => {
    const memory_protection = { memory_locked: true, platform: 'invented' }
    const cuda_device = { device_hash: '5d1a' }
    const _metadata = { memory_protection, cuda_device }
    upstream.answer = (response) => response.end(JSON.stringify({ ...completion, _metadata }))
    const answer = await complete(gateway, chat(PROMPT))
    expect(answer._metadata).toMatchObject({
      memory_protection: { platform: process.platform, upstream: memory_protection },
      cuda_device: { upstream: cuda_device },
    })
  })

  it.each([
    ['of another type', { memory_protection: 'full', cuda_device: ['a'] }],
    ['of more than 64 KiB', { memory_protection: { text: 'x'.repeat(65_536) } }],
  ])('leaves out values of the upstream %s', async (_title, _metadata) => {
    upstream.answer = (response) => response.end(JSON.stringify({ ...completion, _metadata }))
    const answer = await complete(gateway, chat(PROMPT))
    expect(answer._metadata['memory_protection']).not.toHaveProperty('upstream')
    expect(answer._metadata['cuda_device']).not.toHaveProperty('upstream')
  })

  it('of 8 MiB comes back whole', async () => {
    const large = { ...completion, padding: 'x'.repeat(8 * 1024 * 1024) }
    upstream.answer = (response) => response.end(JSON.stringify(large))
    const { _metadata, ...rest } = await complete(gateway, chat(PROMPT))
    expect(rest).toEqual(large)
  })
})

describe('a refusal of the upstream', () => {
  const body = JSON.stringify({ error: { message: `${ERROR_TEXT}: you said "${PROMPT}"` } })

  it.each([
    [400, 400],
    [401, 502],
    [403, 502],
    [404, 400],
    [413, 400],
    [422, 400],
    [429, 429],
    [500, 502],
    [503, 503],
    [504, 504],
    [201, 502],
    [204, 502],
    [302, 502],
    [405, 502],
    [407, 502],
    [408, 502],
    [409, 400],
    [418, 400],
  ])('with %i reaches the caller as %i, without its words', async (given, expected) => {
    upstream.answer = (response) => {
      const location = given === 302 ? { location: `${upstream.url}/elsewhere` } : {}
      response.writeHead(given, location).end(given === 204 ? undefined : body)
    }
    const answer = await ask()
    expectRefusal(answer, expected)
    expect(answer.headers.get('retry-after')).toBeNull()
    expect(upstream.seen).toHaveLength(1)
  })

  it.each([
    [429, { 'retry-after': '17' }, '17'],
    [503, { 'retry-after': '17' }, '17'],
    [429, { 'retry-after': '1.2' }, '2'],
    [429, { 'retry-after-ms': '1500', 'retry-after': '60' }, '2'],
    [429, { 'retry-after': '99999999' }, '86400'],
    [503, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }, '0'],
  ])('with %i and %j contains the time to wait', async (status, headers, seconds) => {
    upstream.answer = (response) => response.writeHead(status, headers).end(body)
    const answer = await ask()
    expectRefusal(answer, status)
    expect(answer.headers.get('retry-after')).toBe(seconds)
  })

  it('contains the time until a date, in seconds', async () => {
    const date = new Date(Date.now() + 3600_000).toUTCString()
    upstream.answer = (response) => response.writeHead(429, { 'retry-after': date }).end(body)
    const seconds = Number((await ask()).headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(3500)
    expect(seconds).toBeLessThanOrEqual(3600)
  })

  it.each(['canary', '-1', '1e9', ''])(
    'says nothing of a wait that makes no sense: %j',
    async (retryAfter) => {
      upstream.answer = (response) =>
        response.writeHead(429, { 'retry-after': retryAfter }).end(body)
      const answer = await ask()
      expectRefusal(answer, 429)
      expect(answer.headers.get('retry-after')).toBeNull()
    },
  )

  it('may be of any length', async () => {
    upstream.answer = (response) => {
      response.writeHead(500)
      const more = (): void => {
        while (!response.destroyed && response.write(ERROR_TEXT.repeat(1000)));
      }
      response.on('drain', more)
      more()
    }
    expectRefusal(await ask(), 502)
    await expectAlive(gateway)
  })
})

describe('an unusable answer of the upstream', () => {
  const deep = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`

  it.each([
    ['nothing', ''],
    ['HTML', `<html>${ERROR_TEXT}</html>`],
    ['cut JSON', `{"${ERROR_TEXT}": `],
    ['a stream of events', `data: {"x":"${ERROR_TEXT}"}\n\ndata: [DONE]\n\n`],
    ['a number', '7'],
    ['a text', `"${ERROR_TEXT}"`],
    ['null', 'null'],
    ['a list', `["${ERROR_TEXT}"]`],
    ['what is nested without end', deep(100_000)],
  ])('becomes 502: %s', async (_what, text) => {
    upstream.answer = (response) => response.end(text)
    expectRefusal(await ask(), 502)
  })

  it('becomes 502 when it is too large, and is not read on', async () => {
    let written = 0
    upstream.answer = (response) => {
      response.write('{"a":"')
      const chunk = 'x'.repeat(1024 * 1024)
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length
        written += chunk.length
      }
      response.on('drain', more)
      more()
    }
    expectRefusal(await ask(), 502)
    const [seen] = upstream.seen
    if (!seen!.socket.closed) await once(seen!.socket, 'close')
    expect(written).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('an upstream that breaks off', () => {
  it.each([
    ['before the headers', ''],
    ['in the headers', 'HTTP/1.1 200 OK\r\ncontent-ty'],
    ['in the body', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"a":'],
    ['without speaking HTTP', `SSH-2.0-${ERROR_TEXT}\r\n`],
  ])('becomes 503: %s', async (_where, bytes) => {
    upstream.answer = (_response, { socket }) => socket.end(bytes)
    expectRefusal(await ask(), 503)
    upstream.answer = (_response, { socket }) => {
      if (bytes === '') socket.resetAndDestroy()
      else socket.write(bytes, () => socket.resetAndDestroy())
    }
    expectRefusal(await ask(), 503)
  })

  it('becomes 503 when it is not there at all, and is asked again later', async () => {
    const away = await startModelServer()
    away.stop()
    const lonely = await testGateway({ args: ['--upstream', away.url] })
    const answer = await send(lonely, chat(PROMPT))
    refusalOf(answer, 503)
    expect(lonely.log()).not.toContain('canary')
    await expectAlive(lonely)
  })

  it('is used again after it came back', async () => {
    upstream.answer = (_response, { socket }) => socket.destroy()
    expectRefusal(await ask(), 503)
    upstream.answer = (response) => response.end(JSON.stringify(completion))
    expect((await ask()).status).toBe(200)
  })
})

describe('a client that hangs up', () => {
  it('ends the request to the upstream', async () => {
    const client = new AbortController()
    const { arrived } = holdAnswer(upstream)
    const asking = send(gateway, chat(PROMPT), {}, client.signal).then(
      () => 'answered',
      () => 'aborted',
    )
    await arrived
    const { socket } = upstream.seen[0]!
    expect(socket.closed).toBe(false)
    client.abort()
    expect(await asking).toBe('aborted')
    if (!socket.closed) await once(socket, 'close')
    await expectAlive(gateway)
    expect(gateway.log()).not.toContain('canary')
  })
})
