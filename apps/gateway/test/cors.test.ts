import { UsageError, type Environment } from '@nomyo-internal/command-line'
import { startGateway, type InProcess } from '@nomyo-internal/testing'
import { request } from 'undici'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { GatewayConfig } from '../src/config/config.js'
import { createGateway, type Gateway } from '../src/gateway.js'
import type { Logger } from '../src/observability/log.js'
import { readConfig, runCommand, testGateway } from './support.js'

const APP = 'https://app.example'
const DEV = 'http://localhost:5173'
const STRANGER = 'https://stranger.example'

const logger: Logger = { info: vi.fn(), warn: vi.fn() }

const closed = await start()
const listed = await start([APP, DEV])
const open = await start(['*'], logger)
afterAll(() => Promise.all([listed, open, closed].map((gateway) => gateway.stop())))

function start(corsOrigins?: string[], logger?: Logger): Promise<InProcess<Gateway>> {
  return startGateway((config: GatewayConfig) => createGateway(config, { logger }), {
    apiKeys: ['the-key-of-the-cors-tests'],
    maxBodyBytes: 2048,
    ...(corsOrigins === undefined ? {} : { corsOrigins }),
  })
}

/** The headers in a browser's preflight for a completion of the client. */
const ASKED = 'authorization,content-type,x-payload-id,x-public-key,x-security-tier'

function preflight(gateway: Gateway, origin: string, asked = ASKED): Promise<Answer> {
  return send(gateway, 'OPTIONS', '/v1/chat/secure_completion', {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': asked,
  })
}

describe('a preflight', () => {
  it.each([APP, DEV])('from %s is answered without an API key', async (origin) => {
    const { status, headers, body } = await preflight(listed, origin)
    expect(status).toBe(204)
    expect(body).toBe('')
    expect(headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': ASKED,
      'access-control-max-age': '7200',
    })
    expect(varies(headers)).toContain('origin')
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
  })

  it('grants default headers of any name, and those of a key fetch', async () => {
    const asked = 'if-none-match,traceparent,x-my-own'
    const { headers } = await preflight(listed, APP, asked)
    expect(headers['access-control-allow-headers']).toBe(asked)
  })

  it.each([
    STRANGER,
    'null',
    '',
    'http://app.example',
    'https://app.example:8443',
    'https://app.example/',
    'https://APP.example',
    'https://app.example.stranger.example',
    'https://sub.app.example',
    'app.example',
    '*',
    `${APP}, ${DEV}`,
    `${APP} ${DEV}`,
    'x'.repeat(8000),
  ])('from %j is refused', async (origin) => {
    const { status, headers } = await preflight(listed, origin)
    expect(status).toBe(403)
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(varies(headers)).toContain('origin')
  })

  it('gets * as the answer where every origin is allowed', async () => {
    const { status, headers } = await preflight(open, STRANGER)
    expect(status).toBe(204)
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
  })
})

describe('an answer', () => {
  it('can be read by the pages allowed', async () => {
    const { status, headers } = await send(listed, 'GET', '/pki/public_key', { origin: APP })
    expect(status).toBe(200)
    expect(headers['access-control-allow-origin']).toBe(APP)
    expect(headers['access-control-expose-headers']).toBe('etag, retry-after, x-request-id')
    expect(varies(headers)).toContain('origin')
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
  })

  it('is a refusal to other pages, and callers that are no pages are served', async () => {
    for (const [headers, status] of [
      [{ origin: STRANGER }, 403],
      [{}, 200],
    ] as const) {
      const answer = await send(listed, 'GET', '/pki/public_key', headers)
      expect(answer.status).toBe(status)
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
      // Else a cache could give this answer to a page that is allowed.
      expect(varies(answer.headers)).toContain('origin')
    }
  })

  const sealed = {
    authorization: 'Bearer the-key-of-the-cors-tests',
    'content-type': 'application/octet-stream',
  }

  it.each([
    [401, 'POST', '/v1/chat/secure_completion', {}, 'x'],
    [401, 'POST', '/v1/chat/secure_completion', { authorization: 'Bearer wrong' }, 'x'],
    [400, 'POST', '/v1/chat/secure_completion', sealed, 'x'],
    [413, 'POST', '/v1/chat/secure_completion', sealed, 'x'.repeat(4096)],
    [415, 'POST', '/v1/chat/secure_completion', { ...sealed, 'content-type': 'text/plain' }, 'x'],
    [415, 'POST', '/v1/chat/secure_completion', { ...sealed, 'content-encoding': 'gzip' }, 'x'],
    [405, 'GET', '/v1/chat/secure_completion', {}, undefined],
    [404, 'GET', '/nothing/here', {}, undefined],
  ] as const)('%i to %s %s can be read too', async (expected, method, path, headers, body) => {
    const answer = await send(listed, method, path, { ...headers, origin: APP }, body)
    expect(answer.status).toBe(expected)
    expect(JSON.parse(answer.body)).toEqual({ detail: expect.any(String) as string })
    expect(answer.headers['access-control-allow-origin']).toBe(APP)
    expect(answer.headers['access-control-expose-headers']).toContain('retry-after')
    const forStranger = await send(listed, method, path, { ...headers, origin: STRANGER }, body)
    expect(forStranger.headers).not.toHaveProperty('access-control-allow-origin')
  })
})

describe('a gateway without an allowed origin', () => {
  it.each([APP, STRANGER, 'null', 'http://127.0.0.1'])('refuses %s', async (origin) => {
    const asked = await preflight(closed, origin)
    const key = await send(closed, 'GET', '/pki/public_key', { origin })
    for (const { status, headers } of [asked, key]) {
      expect(status).toBe(403)
      expect(Object.keys(headers).join()).not.toContain('access-control')
    }
  })

  it('serves pages of its own origin', async () => {
    const own = { origin: closed.url, 'sec-fetch-site': 'same-origin' }
    expect((await send(closed, 'GET', '/pki/public_key', own)).status).toBe(200)
    expect((await send(closed, 'GET', '/pki/public_key', { origin: closed.url })).status).toBe(200)
  })
})

it('one that allows every page warns when it starts', () => {
  expect(logger.warn).toHaveBeenCalledWith(expect.stringContaining('--cors-origin *'))
})

describe('--cors-origin', () => {
  const origins = (args: string[], environment?: Environment): readonly string[] | undefined =>
    readConfig(['--engine', 'demo', ...args], environment).corsOrigins

  it('is none by default', () => {
    expect(origins([])).toEqual([])
  })

  it('may be given several times, or in the environment with commas', () => {
    expect(origins(['--cors-origin', APP, `--cors-origin=${DEV}`])).toEqual([APP, DEV])
    expect(origins([], { NOMYO_CORS_ORIGIN: `${APP}, ${DEV}` })).toEqual([APP, DEV])
    expect(origins(['--cors-origin', DEV], { NOMYO_CORS_ORIGIN: APP })).toEqual([DEV])
  })

  it.each([
    ['*', '*'],
    ['HTTPS://App.Example', 'https://app.example'],
    ['https://app.example:443', 'https://app.example'],
    ['http://app.example:80', 'http://app.example'],
    ['https://app.example:8443', 'https://app.example:8443'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
  ])('%s becomes what browsers send: %s', (given, origin) => {
    expect(origins(['--cors-origin', given])).toEqual([origin])
  })

  it.each([
    '',
    'null',
    'app.example',
    'localhost:3000',
    '//app.example',
    'https://',
    'https:app.example',
    'https://app.example/',
    'https://app.example/chat',
    'https://app.example?x',
    'https://app.example#x',
    'https://user:secret@app.example',
    'https://*.app.example',
    'https://app.example:99999',
    'https://app example',
    'https://a.example,https://b.example',
  ])('%j is refused', (given) => {
    const read = (): unknown => origins([`--cors-origin=${given}`])
    expect(read).toThrow(UsageError)
    expect(read).toThrow(/^--cors-origin /)
    expect(read).not.toThrow(/secret/)
  })

  it('does not take * beside others', () => {
    expect(() => origins(['--cors-origin', APP, '--cors-origin', '*'])).toThrow(UsageError)
  })

  it('is in the help, with its variable', async () => {
    const { stdout } = await runCommand(['--help'])
    expect(stdout).toContain('--cors-origin ORIGIN')
    expect(stdout).toContain('NOMYO_CORS_ORIGIN')
  })

  it('exits with the code for wrong usage', async () => {
    const variables = { NOMYO_CORS_ORIGIN: 'https://app.example/chat' }
    const ended = await runCommand(['--engine', 'demo', '--port', '0'], variables)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toContain('NOMYO_CORS_ORIGIN')
  })
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

async function send(
  gateway: Gateway,
  method: 'GET' | 'POST' | 'OPTIONS',
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<Answer> {
  const response = await request(gateway.url + path, { method, headers, body: body ?? null })
  return {
    status: response.statusCode,
    headers: response.headers,
    body: await response.body.text(),
  }
}

function varies(headers: Answer['headers']): string[] {
  return String(headers['vary'])
    .split(',')
    .map((name) => name.trim().toLowerCase())
}

describe('a web page of another origin', () => {
  /** Headers that browsers send for a page without asking the gateway first. */
  const requests: readonly [string, Record<string, string>][] = [
    ['a fetch with no-cors', { origin: STRANGER, 'sec-fetch-site': 'cross-site' }],
    ['an image', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['a page of another port', { origin: DEV, 'sec-fetch-site': 'same-site' }],
    ['a fetch of an old browser', { origin: STRANGER }],
    ['a link', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['a name that resolves to this machine', { host: 'stranger.example' }],
  ]

  it.each(requests)(
    'can neither call by %s, nor use up the limit of the user',
    async (_how, headers) => {
      const gateway = await testGateway({ args: ['--engine', 'demo', '--rate-limit', '1/s'] })
      const statuses = await Promise.all(
        Array.from({ length: 80 }, async (_one, at) => {
          const [method, path] =
            at % 2 === 0
              ? (['GET', '/v1/models'] as const)
              : (['POST', '/v1/chat/secure_completion'] as const)
          return (await send(gateway, method, path, headers)).status
        }),
      )
      expect(new Set(statuses)).toEqual(new Set([headers['host'] === undefined ? 403 : 421]))
      expect((await send(gateway, 'GET', '/v1/models', {})).status).toBe(200)
    },
  )

  it.each(['/v1/models', '/pki/public_key', '/pki/attestation', '/health', '/ready', '/nothing'])(
    'is refused at %s',
    async (path) => {
      for (const [, headers] of requests.filter(([, { host }]) => host === undefined)) {
        expect((await send(closed, 'GET', path, headers)).status).toBe(403)
      }
    },
  )

  it.each([
    ['with keys', { config: { apiKeys: ['a-key-of-these-tests'] } }, 200],
    ['behind a proxy', { args: ['--engine', 'demo', '--trust-proxy=loopback'] }, 200],
    ['without both', {}, 421],
  ])('cannot use a foreign name: %s', async (_what, options, status) => {
    const gateway = await testGateway(options)
    const answer = await send(gateway, 'GET', '/health', { host: 'gateway.example' })
    expect(answer.status).toBe(status)
  })
})
