import { fastify, type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { isForeignName, refuseForeignPages, type PageGuardOptions } from '../src/index.js'

type Headers = Readonly<Record<string, string>>

const PAGE = 'https://chat.example'

function serverWith(options: Partial<PageGuardOptions>): FastifyInstance {
  const server = fastify()
  refuseForeignPages(server, {
    allowedOrigins: [],
    isForeignHost: () => false,
    createError: (reason) => Object.assign(new Error(reason), { statusCode: 403 }),
    ...options,
  })
  server.get('/', () => 'page')
  server.get('/data', () => 'data')
  return server
}

async function answer(
  options: Partial<PageGuardOptions>,
  headers: Headers,
  url = '/data',
): Promise<{ status: number; vary: unknown; text: string }> {
  const response = await serverWith(options).inject({ url, headers })
  return { status: response.statusCode, vary: response.headers.vary, text: response.body }
}

const statusOf = async (...args: Parameters<typeof answer>): Promise<number> =>
  (await answer(...args)).status

const NAVIGATION = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }

describe('requests of web pages', () => {
  it.each<[string, Partial<PageGuardOptions>, Headers, number]>([
    ['no browser', {}, {}, 200],
    ['an address bar', {}, { 'sec-fetch-site': 'none' }, 200],
    ['a page of the same origin without Origin', {}, { 'sec-fetch-site': 'same-origin' }, 200],
    ['an image of another site', {}, { 'sec-fetch-site': 'cross-site' }, 403],
    ['a page of another port', {}, { 'sec-fetch-site': 'same-site' }, 403],
    ['an old browser', {}, { origin: PAGE }, 403],
    ['a sandboxed page', {}, { origin: 'null', 'sec-fetch-site': 'cross-site' }, 403],
    ['an empty origin', {}, { origin: '' }, 403],
    ['an allowed page', { allowedOrigins: [PAGE] }, { origin: PAGE }, 200],
    ['another page', { allowedOrigins: [PAGE] }, { origin: `${PAGE}:8443` }, 403],
    ['any page, if all may', { allowedOrigins: ['*'] }, { origin: 'null' }, 200],
    ['an image, if all may', { allowedOrigins: ['*'] }, { 'sec-fetch-site': 'cross-site' }, 200],
    ['a link to data', { ownPages: ['/'] }, NAVIGATION, 403],
  ])('%s', async (_who, options, headers, status) => {
    expect(await statusOf(options, headers)).toBe(status)
  })

  const own = { ownPages: ['/'] }

  it.each<[string, Headers, number]>([
    ['by its name', { host: 'x.example', origin: 'https://x.example' }, 200],
    ['by its name and port', { host: 'X.example:8080', origin: 'http://x.example:8080' }, 200],
    ['of another port', { host: 'x.example:8080', origin: 'http://x.example' }, 403],
    ['of another name', { host: 'x.example', origin: 'https://y.example' }, 403],
    ['behind a proxy', { origin: 'https://x.example', 'sec-fetch-site': 'same-origin' }, 200],
    [
      'that is none',
      { host: 'x.example', origin: 'https://x.example', 'sec-fetch-site': 'same-site' },
      403,
    ],
    ['without a URL', { host: 'null', origin: 'null' }, 403],
  ])('of the same origin: %s', async (_what, headers, status) => {
    expect(await statusOf(own, headers)).toBe(status)
    expect(await statusOf({}, headers)).toBe(403)
  })

  it('may be links to a page of the server', async () => {
    expect(await statusOf(own, NAVIGATION, '/?from=elsewhere')).toBe(200)
    expect(await statusOf(own, { ...NAVIGATION, 'sec-fetch-mode': 'no-cors' }, '/')).toBe(403)
    expect(await statusOf({}, NAVIGATION, '/')).toBe(403)
  })

  it('are refused for a foreign host before anything else, and never cached for others', async () => {
    const isForeignHost = (host: string | undefined): boolean => host === 'evil.example'
    const foreign = { host: 'evil.example', origin: PAGE }
    const options = { isForeignHost, allowedOrigins: ['*'] }
    expect(await answer(options, foreign)).toMatchObject({
      status: 403,
      text: expect.stringContaining('"host"') as string,
    })
    expect(await answer({}, foreign)).toMatchObject({
      status: 403,
      vary: 'origin',
      text: expect.stringContaining('"origin"') as string,
    })
  })
})

it.each([
  [undefined, false],
  ['localhost', false],
  ['LOCALHOST:80', false],
  ['127.0.0.1:12435', false],
  ['192.168.1.5', false],
  ['[::1]:12435', false],
  ['[2001:db8::1]', false],
  ['host.docker.internal:12435', false],
  ['app.localhost', false],
  ['evil.example', true],
  ['evil.example:12435', true],
  ['localhost.evil.example', true],
  ['gateway:12435', false],
  ['.internal', true],
  ['127.0.0.1.evil.example', true],
  ['127.0.0.1:1:1', true],
  ['localhost, evil.example', true],
  ['evil.example@localhost', true],
  ['', true],
])('a foreign name is %s: %s', (host, expected) => {
  expect(isForeignName(host)).toBe(expected)
})
