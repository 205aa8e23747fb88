import { describe, expect, it, vi } from 'vitest'
import { SecureChatCompletion } from '../../src/index.js'
import * as subpath from '../../src/openai-fetch/index.js'
import { clientKeyDir, hello } from '../support.js'
import {
  GATEWAY_URL,
  SDK_URL,
  completionOf,
  says,
  useGateway,
  useNomyoFetch,
  useUpstream,
} from './support.js'
import { withCode } from '@nomyo-internal/testing'

const { createNomyoFetch } = subpath
const URL_SERVED = `${SDK_URL}/chat/completions`

const upstream = useUpstream()
const gatewayUrl = useGateway(() => ({
  engine: { kind: 'openai', baseUrl: upstream.url, apiKey: undefined },
}))
const { network, nomyoFetch, serverWith } = useNomyoFetch()

/** A call as an SDK makes it. */
const post = (body: BodyInit | null, init: RequestInit = {}): Promise<Response> => {
  network.target = gatewayUrl()
  upstream.answer = () => completionOf(says('hi'))
  return nomyoFetch(URL_SERVED, {
    method: 'POST',
    body,
    headers: { authorization: 'Bearer the-key-of-the-sdk' },
    ...init,
  })
}

async function errorOf(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toBe('application/json')
  return ((await response.json()) as { error: Record<string, unknown> }).error
}

describe('the calls served', () => {
  const json = JSON.stringify(hello)

  it('takes the body in every form fetch does', async () => {
    const bytes = new TextEncoder().encode(json)
    const bodies: [string, BodyInit][] = [
      ['text', json],
      ['bytes', bytes],
      ['a buffer', bytes.buffer],
      ['a view', new DataView(bytes.buffer)],
      ['a Blob', new Blob([json])],
      ['a stream', new Blob([json]).stream()],
    ]
    for (const [name, body] of bodies) {
      expect((await post(body)).status, name).toBe(200)
    }
    expect(upstream.requests).toEqual(bodies.map(() => ({ ...hello, stream: false })))
  })

  it('takes the call in every form fetch does', async () => {
    const init = {
      method: 'POST',
      body: json,
      headers: { authorization: 'Bearer the-key-of-the-sdk' },
    }
    const calls: (() => Promise<Response>)[] = [
      () => nomyoFetch(new URL(URL_SERVED), init),
      () => nomyoFetch(new Request(URL_SERVED, init)),
      () => nomyoFetch(new Request(URL_SERVED, { ...init, body: 'x' }), { body: json }),
      () => nomyoFetch(new Request(URL_SERVED, init), { headers: new Headers(init.headers) }),
      () => nomyoFetch('/v1/chat/completions?api-version=1', { ...init, method: 'post' }),
      () =>
        nomyoFetch(URL_SERVED, {
          ...init,
          headers: [['Authorization', 'bearer the-key-of-the-sdk']],
        }),
    ]
    await post(json)
    for (const call of calls) expect((await call()).status, String(call)).toBe(200)
  })

  it('settles on this side how the answer is handed over', async () => {
    const body = { ...hello, stream: true, stream_options: { include_usage: true }, seed: 1 }
    const response = await post(JSON.stringify(body))
    expect(upstream.requests).toEqual([{ ...hello, seed: 1, stream: false }])
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    expect(response.headers.get('x-nomyo-stream')).toBe('synthetic')
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const plain = await post(JSON.stringify({ ...hello, stream: false }))
    expect(plain.headers.get('content-type')).toBe('application/json')
    const completion = (await plain.json()) as { _metadata: { payload_id: string } }
    expect(completion._metadata.payload_id).toBe(plain.headers.get('x-request-id'))
  })

  it('refuses anything but a JSON object, and sends nothing', async () => {
    const form = new FormData()
    form.set('model', 'm')
    const broken = new ReadableStream({
      start: (controller) => {
        controller.error(new Error('canary'))
      },
    })
    const used = new Response(json)
    await used.text()
    const bodies: [string, BodyInit | null][] = [
      ['nothing', null],
      ['empty', ''],
      ['no JSON', '{"model":'],
      ['a list', '[]'],
      ['null', 'null'],
      ['a number', '1'],
      ['a form', new URLSearchParams({ model: 'm' })],
      ['a multipart form', form],
      ['bytes that are no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d])],
      ['a stream that breaks', broken],
      ['a stream read before', used.body],
      ['no messages', '{"model":"m"}'],
      ['an unknown tier', JSON.stringify({ ...hello, security_tier: 'top' })],
      ['an invalid key', JSON.stringify({ ...hello, api_key: 'canary\n' })],
    ]
    for (const [name, body] of bodies) {
      const response = await post(body)
      expect(response.status, name).toBe(400)
      const error = await errorOf(response)
      expect(error, name).toMatchObject({ type: 'invalid_request_error', param: null })
      expect(error['code'], name).toMatch(/^ERR_INVALID_(REQUEST|OPTION)$/)
      expect(JSON.stringify(error), name).not.toContain('canary')
    }
    const control = await post(json, { headers: { accept: 'canary\u0001' } })
    expect(control.status).toBe(400)
    const invalidHeader = await post(json, { headers: { 'x-any': 'canary\n1' } })
    expect(JSON.stringify(await errorOf(invalidHeader))).not.toContain('canary')
    expect(network.urls).toEqual([])
  })

  it('reads no more than it may', async () => {
    let pulled = 0
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled++
        controller.enqueue(new Uint8Array(1024 * 1024).fill(0x20))
      },
    })
    const response = await post(endless)
    expect(response.status).toBe(413)
    expect(await errorOf(response)).toMatchObject({ code: 'ERR_REQUEST_TOO_LARGE' })
    // Can be read, and not be sent.
    const less = await post(JSON.stringify({ ...hello, user: ' '.repeat(10 * 1024 * 1024) }))
    expect(less.status).toBe(413)
    expect(await errorOf(less)).toMatchObject({ code: 'ERR_REQUEST_TOO_LARGE' })
    expect(pulled).toBeLessThan(80)
  })

  it('stops reading when it is aborted', async () => {
    const controller = new AbortController()
    const never = new ReadableStream({})
    const call = post(never, { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    expect(network.urls).toEqual([])
  })
})

describe('everything else', () => {
  it('is refused on the spot', async () => {
    const calls: [string, string, string?][] = [
      ['POST', 'models', '{}'],
      ['DELETE', 'models/m'],
      ['GET', 'models/a/b'],
      ['POST', 'embeddings', '{"input":"canary"}'],
      ['POST', 'responses', '{"input":"canary"}'],
      ['POST', 'completions', '{}'],
      ['POST', 'files', 'canary'],
      ['GET', 'chat/completions'],
      ['DELETE', 'chat/completions'],
      ['POST', 'chat/completions/id', '{}'],
      ['POST', 'chat/completions/', '{}'],
      ['POST', 'models?path=/chat/completions', '{}'],
      ['POST', 'models#/chat/completions', '{}'],
    ]
    for (const [method, path, body] of calls) {
      const response = await nomyoFetch(`${SDK_URL}/${path}`, { method, body: body ?? null })
      expect(response.status, path).toBe(404)
      expect(await errorOf(response), path).toMatchObject({ code: 'ERR_ROUTE', param: null })
    }
    expect((await nomyoFetch('https://')).status).toBe(404)
    expect((await nomyoFetch(new Request(`${SDK_URL}/files`))).status).toBe(404)
    for (const input of [undefined, null, 7, {}]) {
      expect((await nomyoFetch(input as never)).status, JSON.stringify(input)).toBe(404)
    }
    expect(network.urls).toEqual([])
  })
})

describe('a response', () => {
  it('has the URL of its call', async () => {
    expect((await post(JSON.stringify(hello))).url).toBe(URL_SERVED)
    expect((await post('')).url).toBe(URL_SERVED)
    expect((await nomyoFetch(new URL(`${SDK_URL}/files`))).url).toBe(`${SDK_URL}/files`)
  })
})

describe('what is sent', () => {
  const sendTo = (headers: Record<string, string>, members: object = {}): Promise<Response> =>
    nomyoFetch(URL_SERVED, {
      method: 'POST',
      body: JSON.stringify({ ...hello, ...members }),
      headers,
    })

  it('is encrypted, goes to the gateway alone, and carries none of the headers', async () => {
    const server = await serverWith()
    const headers = {
      authorization: 'Bearer the-key-of-the-sdk',
      'x-security-tier': 'high',
      'x-stainless-lang': 'canary',
      'user-agent': 'canary',
      'openai-organization': 'canary',
      cookie: 'canary',
    }
    expect((await sendTo(headers, { user: 'canary' })).status).toBe(200)
    expect(network.urls.every((url) => url.startsWith(`${GATEWAY_URL}/`))).toBe(true)
    const [seen] = server.completions
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer the-key-of-the-sdk',
      'x-security-tier': 'high',
    })
    expect(JSON.stringify(seen?.headers)).not.toContain('canary')
    expect(new TextDecoder().decode(seen?.body)).not.toContain('canary')
  })

  it('has the tier and the key of the body rather than those of the headers', async () => {
    const server = await serverWith()
    const headers = { authorization: 'Bearer the-key-of-the-sdk', 'x-security-tier': 'high' }
    await sendTo(headers, { security_tier: 'maximum', api_key: 'body-key' })
    expect(server.completions[0]?.headers).toMatchObject({
      authorization: 'Bearer body-key',
      'x-security-tier': 'maximum',
    })
  })

  it('has the tier of the header where that of the body is null', async () => {
    const server = await serverWith()
    await sendTo({ 'x-security-tier': 'maximum' }, { security_tier: null })
    expect(server.completions[0]?.headers['x-security-tier']).toBe('maximum')
  })

  it('has the key of an SDK of Azure', async () => {
    const server = await serverWith()
    await sendTo({ 'api-key': 'azure-key' })
    await sendTo({ 'api-key': 'azure-key', authorization: 'Bearer the-key-of-the-sdk' })
    expect(server.completions.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer azure-key',
      'Bearer the-key-of-the-sdk',
    ])
    expect(server.completions[0]?.headers['api-key']).toBeUndefined()
  })

  it('sends no key where none is given', async () => {
    const server = await serverWith()
    for (const authorization of ['', 'Bearer ', 'Basic YTpi']) await sendTo({ authorization })
    expect(server.completions).toHaveLength(3)
    for (const { headers } of server.completions) expect(headers.authorization).toBeUndefined()
  })
})

describe('createNomyoFetch', () => {
  it('is the only export', () => {
    expect(Object.keys(subpath)).toEqual(['createNomyoFetch'])
  })

  const asked = {
    method: 'POST',
    body: JSON.stringify(hello),
    headers: { authorization: 'Bearer the-key-of-the-sdk' },
  }

  it('sends its own key rather than the one of the SDK, and ends with its client', async () => {
    const server = await serverWith()
    const options = { baseUrl: GATEWAY_URL, fetch: network.fetch, keyDir: clientKeyDir }
    const named = createNomyoFetch({ ...options, apiKey: 'own-key' })
    vi.stubEnv('NOMYO_API_KEY', 'env-key')
    const fromEnvironment = createNomyoFetch(options)
    for (const own of [named, fromEnvironment]) {
      expect((await own(URL_SERVED, asked)).status).toBe(200)
      own.dispose()
      own.dispose()
      const refused = await own(URL_SERVED, asked)
      expect(refused.status).toBe(406)
      expect(await errorOf(refused)).toMatchObject({ code: 'ERR_KEY_DISPOSED' })
    }
    expect(server.completions.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer own-key',
      'Bearer env-key',
    ])
  })

  it('leaves a given client its key and its life', async () => {
    const given = new Response('{}')
    const sent = vi.fn(() => Promise.resolve(given))
    const dispose = vi.fn()
    const client = { fetch: sent, dispose } as unknown as SecureChatCompletion
    const onClient = createNomyoFetch({ client })
    expect(await onClient(URL_SERVED, asked)).toBe(given)
    const headers = new Headers({ 'content-type': 'application/json' })
    const signal = undefined
    const call = { method: 'POST', headers, body: asked.body, signal }
    expect(sent).toHaveBeenCalledWith('/v1/chat/completions', call)
    onClient.dispose()
    expect(dispose).not.toHaveBeenCalled()
  })

  it('can be disposed of by the language', () => {
    const client = { fetch: () => Promise.reject(new Error('unused')) }
    const given = createNomyoFetch({ client: client as unknown as SecureChatCompletion })
    expect(typeof given[Symbol.dispose]).toBe('function')
    given[Symbol.dispose]()
  })

  it('refuses options that contradict each other or are unknown', () => {
    const client = { fetch: () => undefined }
    const mistakes = [
      { client, apiKey: 'k' },
      { client: null },
      { client: {} },
      { bseUrl: 'x' },
      { fetch: nomyoFetch },
      new SecureChatCompletion({ keyDir: clientKeyDir }),
    ]
    for (const mistake of mistakes) {
      expect(() => createNomyoFetch(mistake as never)).toThrow(withCode('ERR_INVALID_OPTION'))
    }
    expect(() => createNomyoFetch({ baseUrl: 'http://x.test' })).toThrow(
      withCode('ERR_INSECURE_URL'),
    )
  })
})
