import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { describe, expect, it } from 'vitest'
import { isInstalled, makeCa, temporaryFolder } from '@nomyo-internal/testing'
import { fileGateway, get, refusalOf, runCommand, testGateway } from './support.js'

const PATHS = {
  '/': 'text/html; charset=utf-8',
  '/app.js': 'text/javascript; charset=utf-8',
  '/style.css': 'text/css; charset=utf-8',
  '/icon.svg': 'image/svg+xml',
}
const paths = Object.keys(PATHS)

describe('the chat page', async () => {
  const gateway = await fileGateway({ args: ['--engine', 'demo', '--web'] })

  it.each(Object.entries(PATHS))(
    'has its content type and every security header: %s',
    async (path, type) => {
      const { status, headers, bytes } = await get(gateway, path)
      expect(status).toBe(200)
      expect(bytes.length).toBeGreaterThan(100)
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': type,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': expect.stringContaining('camera=()'),
        'cache-control': 'no-store',
      })
      expect(headers.get('set-cookie')).toBeNull()
      const policy = (headers.get('content-security-policy') ?? '').split('; ')
      expect(policy).toEqual([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ])
    },
  )

  it('holds nothing inline, and loads nothing but these', async () => {
    const html = new TextDecoder().decode((await get(gateway, '/')).bytes)
    expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)/i)
    const loaded = [...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path)
    expect([...new Set(loaded)].sort()).toEqual(['/app.js', '/icon.svg', '/style.css'])
  })

  it.each(['127.0.0.1', '127.0.0.1:80', 'localhost:12435', 'LOCALHOST', '[::1]:1', '127.8.8.8'])(
    'is served to Host %s',
    async (host) => {
      expect((await get(gateway, '/', { headers: { host } })).status).toBe(200)
    },
  )

  it.each([
    'evil.example',
    'evil.example:12435',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    'localhost:1:2',
    '192.0.2.1',
    '[::2]',
  ])('is refused to Host %j, whatever the file', async (host) => {
    for (const path of paths) {
      refusalOf(await get(gateway, path, { headers: { host } }), 421)
    }
  })

  it('serves the other routes under any host name', async () => {
    const host = { headers: { host: 'gateway.internal' } }
    expect((await get(gateway, '/health', host)).status).toBe(200)
    expect((await get(gateway, '/pki/public_key', host)).status).toBe(200)
  })

  it.each([
    '/index.html',
    '/package.json',
    '/app.js/',
    '/..%2fpackage.json',
    '/%2e%2e/package.json',
    '//app.js',
    '/dist/app.js',
    '/app.js.map',
  ])('is all there is: no %s', async (path) => {
    expect((await get(gateway, path)).status).toBe(404)
  })
})

it('is not there unless asked for', async () => {
  const gateway = await testGateway()
  for (const path of paths) expect((await get(gateway, path)).status).toBe(404)
})

it('is refused at the start where browsers could not use it', async () => {
  const args = ['--engine', 'demo', '--port', '0', '--host', '0.0.0.0', '--web']
  const { code, stdout, stderr } = await runCommand(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/--web.*https.*localhost/)
})

it.skipIf(!isInstalled('openssl'))(
  'is served with TLS under any name the certificate may have',
  async () => {
    const { cert, key } = makeCa(temporaryFolder(), 'page')
    const gateway = await testGateway({
      args: ['--engine=demo', '--web', '--host=0.0.0.0', `--tls-cert=${cert}`, `--tls-key=${key}`],
    })
    const url = `https://127.0.0.1:${gateway.port}/`
    const request = httpsGet(url, {
      headers: { host: 'chat.internal' },
      rejectUnauthorized: false,
      agent: false,
    })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(200)
  },
)
