import { describe, expect, it } from 'vitest'
import { shared } from '@nomyo-internal/testing'
import {
  API_KEY,
  TOKEN,
  ask,
  caller,
  complete,
  hello,
  newProxy,
  refusalCode,
  testProxy,
  useGateway,
} from './support.js'

const gateway = useGateway()
const PAGE = 'http://localhost:3000'
const proxy = shared(() =>
  newProxy(gateway(), [
    ...['--allow-origin', PAGE, '--allow-origin', 'https://chat.example'],
    ...['--allow-host', 'host.docker.internal', '--allow-host', 'proxy.example:8080'],
  ]),
)
const port = (): string => new URL(proxy().url).port

/** Expects a refusal of every route, of an unknown one, and of a preflight, without CORS headers. */
async function expectRefused(headers: Record<string, string>, code: string): Promise<void> {
  for (const [method, path] of [
    ['POST', '/v1/chat/completions'],
    ['GET', '/v1/models'],
    ['GET', '/health'],
    ['GET', '/elsewhere'],
    ['OPTIONS', '/v1/chat/completions'],
  ] as const) {
    const body = method === 'POST' ? hello() : ''
    const answer = await ask(proxy().url + path, { method, headers: caller(headers), body })
    expect(refusalCode(answer, 403)).toBe(code)
    expect(Object.keys(answer.headers).join()).not.toContain('access-control')
  }
}

describe('the Host header', () => {
  it.each([
    'evil.example',
    'evil.example:PORT',
    'localhost.evil.example',
    'localhost:1',
    '127.0.0.1:1',
    '127.0.0.2:PORT',
    '[::2]:PORT',
    'host.docker.internal:1',
    'proxy.example',
    'proxy.example:PORT',
    'localhost:PORT@evil.example',
    'localhost, evil.example',
  ])('%s is refused before anything else', async (host) => {
    await expectRefused({ host: host.replace('PORT', port()) }, 'ERR_HOST')
  })

  it.each([
    'localhost',
    'LOCALHOST:PORT',
    '127.0.0.1',
    '127.0.0.1:PORT',
    '[::1]',
    '[::1]:PORT',
    'host.docker.internal',
    'host.docker.internal:PORT',
    'proxy.example:8080',
  ])('%s leads here', async (host) => {
    const headers = caller({ host: host.replace('PORT', port()) })
    expect((await ask(`${proxy().url}/health`, { headers })).status).toBe(200)
  })
})

describe('the Origin header', () => {
  it.each([
    'https://evil.example',
    'null',
    'http://localhost:3001',
    'https://localhost:3000',
    'http://localhost:3000.evil.example',
    'HTTP://LOCALHOST:3000',
    '*',
    '',
  ])('%s is refused, also with the token, and without CORS headers', async (origin) => {
    await expectRefused({ origin, 'access-control-request-method': 'POST' }, 'ERR_ORIGIN')
  })

  it.each([PAGE, 'https://chat.example'])('%s is allowed', async (origin) => {
    const page = { origin, 'sec-fetch-site': 'cross-site' }
    const preflight = await ask(`${proxy().url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        ...page,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-stainless-os',
      },
    })
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'authorization,content-type,x-stainless-os',
        vary: 'origin',
      },
    })
    for (const stream of [true, false]) {
      const answer = await complete(proxy(), hello({ stream }), page)
      expect(answer.status).toBe(200)
      expect(answer.headers['access-control-allow-origin']).toBe(origin)
    }
    // Pages can read refusals too.
    const refused = await complete(proxy(), hello(), { ...page, authorization: '' })
    expect(refusalCode(refused, 401)).toBe('ERR_LOCAL_TOKEN')
    expect(refused.headers['access-control-allow-origin']).toBe(origin)
  })

  it.each([
    ['cross-site', 403],
    ['same-site', 403],
    ['same-origin', 200],
    ['none', 200],
  ])('can be missing where Sec-Fetch-Site is %s: %i', async (site, status) => {
    const answer = await ask(`${proxy().url}/health`, { headers: { 'sec-fetch-site': site } })
    expect(answer.status).toBe(status)
  })
})

const KIND = { 'content-type': 'application/json' }

describe('the token', () => {
  it.each([
    undefined,
    '',
    TOKEN,
    `Basic ${TOKEN}`,
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    `Bearer ${TOKEN.toUpperCase()}`,
    'Bearer api-key-of-the-tests-0123456789',
  ])('is not %s', async (authorization) => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    const completion = { method: 'POST', headers: { ...KIND, ...headers }, body: hello() }
    const asked = await ask(`${proxy().url}/v1/chat/completions`, completion)
    expect(refusalCode(asked, 401)).toBe('ERR_LOCAL_TOKEN')
    const models = await ask(`${proxy().url}/v1/models`, { headers })
    expect(refusalCode(models, 401)).toBe('ERR_LOCAL_TOKEN')
  })

  it('is not required for health, which holds no secret', async () => {
    const { status, body } = await ask(`${proxy().url}/health`)
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({
      status: 'ok',
      gateway: gateway(),
      wire: {
        version: 2,
        reason: expect.stringMatching(/^(?:first-use|known)$/),
        statementSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      fingerprint: expect.stringMatching(/^sha256\//),
      attestation: null,
    })
  })

  it('is not required with --no-token', async () => {
    const open = await testProxy(gateway(), ['--no-token'], { NOMYO_API_KEY: API_KEY })
    const answer = await complete(open, hello(), { authorization: '' })
    expect(answer.status).toBe(200)
    expect(refusalCode(await complete(open, hello(), { host: 'evil.example' }), 403)).toBe(
      'ERR_HOST',
    )
  })

  it('is not the key for the gateway, which a request cannot replace', async () => {
    const answer = await complete(proxy(), hello({ api_key: 'another-key' }))
    expect(refusalCode(answer, 400)).toBe('ERR_INVALID_REQUEST')
  })
})

describe('another machine', () => {
  it('can reach it with --allow-remote, with a token, by the allowed names', async () => {
    const { url } = await testProxy(gateway(), ['--host', '0.0.0.0', '--allow-remote'])
    expect(url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/)
    const local = url.replace('0.0.0.0', '127.0.0.1')
    expect((await complete({ url: local })).status).toBe(200)
    const asked = await ask(`${local}/health`, { headers: { host: new URL(url).host } })
    expect(refusalCode(asked, 403)).toBe('ERR_HOST')
  })
})
