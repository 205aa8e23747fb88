import { proxyVariable } from '../src/doctor/network.js'
import { readFileSync, existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { NamedFinding } from '@nomyo-internal/diagnostics'
import {
  isInstalled,
  makeCa,
  makeCertificate,
  shared,
  startModelServer,
  startServer,
  stopAfterTest,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { importPublicKey } from '@nomyo/crypto'
import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { describe, expect, it } from 'vitest'
import { describePacing } from '../src/doctor/pacing.js'
import { Home, at, startGateway, tapBefore, type Run } from './support.js'

const API_KEY = 'canary-api-key-71e0c2'
const OTHER_KEY = `sha256/${'A'.repeat(43)}=`

const gateway = shared(() => startGateway({ apiKeys: [API_KEY] }))
const diagnose = async (home: Home, ...args: string[]) =>
  findingsOf(await home.run(['doctor', '--json', ...args]))

function findingsOf({ code, stdout, stderr }: Pick<Run, 'stdout' | 'stderr'> & { code: unknown }): {
  code: unknown
  findings: NamedFinding[]
} {
  expect(stdout + stderr).not.toContain(API_KEY)
  const { ok, findings } = JSON.parse(stdout)
  expect(ok).toBe(code === 0)
  return { code, findings }
}

/** Passes a request on to the gateway, without some headers of its answer. */
async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  removed: readonly string[] = [],
  target = gateway().url,
): Promise<void> {
  const { method = '', url = '' } = request
  const type = request.headers['content-type']
  const answer = await fetch(`${target}${url}`, {
    method,
    headers: {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(request.headers.authorization && { authorization: request.headers.authorization }),
    },
    ...(method === 'POST' ? { body: new Uint8Array(await buffer(request)) } : {}),
  })
  const headers = [...answer.headers].filter(
    ([name]) => ![...removed, 'transfer-encoding', 'connection'].includes(name),
  )
  response.writeHead(answer.status, Object.fromEntries(headers))
  response.end(new Uint8Array(await answer.arrayBuffer()))
}

const statuses = (findings: readonly NamedFinding[]): string[] =>
  findings.map(({ check, status }) => `${check} ${status}`)

describe('nomyo doctor', () => {
  it('finds no problem, stores no key, and chats only with --chat', async () => {
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const args = at(gateway().url)
    const first = await diagnose(home, ...args)
    const checked = ['address ok', 'DNS ok', 'TCP ok', 'key statement ok', 'trust warning']
    const others = ['wire ok', 'path ok', 'machine ok', 'access ok', 'buffering ok']
    expect(statuses(first.findings)).toEqual([...checked, ...others])
    // Not measured: what to type.
    expect(first.findings.at(-1)?.remedy).toContain('--chat')
    const wire1 = await diagnose(home, ...args, '--wire', '1')
    expect(statuses(wire1.findings).at(-1)).toBe('buffering ok')
    expect(wire1.findings.at(-1)?.remedy).toBeUndefined()
    expect(first.code).toBe(0)
    const chat = await diagnose(home, ...args, '--chat', 'nomyo/echo')
    expect(statuses(chat.findings).slice(-2)).toEqual(['chat ok', 'buffering ok'])
    expect(existsSync(join(home.path, '.nomyo'))).toBe(false)
    await home.run(['servers', 'trust', gateway().url, '--allow-http', '--yes'])
    const second = await diagnose(home, ...args)
    expect(statuses(second.findings)).toContain('trust ok')
  })

  it('says which wire is used, and why', async () => {
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const wire = async (...args: string[]) => {
      const { findings } = await diagnose(home, ...at(gateway().url), ...args)
      return findings.find(({ check }) => check === 'wire')
    }
    expect(await wire()).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/^2, as the gateway offers it: MLKEM768-X25519/) as string,
    })
    expect(await wire('--wire', '1')).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('though the gateway offers wire 2') as string,
    })
    home.config({ wire: 1 })
    expect(await wire()).toMatchObject({ status: 'warning' })
  })

  it.each([
    ['a path that refuses its messages', 403, {}, 'status 403'],
    ['a path that answers in its place', 200, { 'content-type': 'text/html' }, 'type text/html'],
    ['a path that changes answers', 200, { 'content-type': MEDIA_TYPES.answer }, 'ERR_TRUNCATED'],
  ])('notices %s', async (_, status, headers, text) => {
    const { url } = stopAfterTest(
      await startServer((request, response) => {
        if (request.method === 'POST') response.writeHead(status, headers).end('canary')
        else void forward(request, response)
      }),
    )
    const { code, findings } = await diagnose(new Home({ NOMYO_API_KEY: API_KEY }), ...at(url))
    const path = findings.find(({ check }) => check === 'path')
    expect([code, path?.status]).toEqual([1, 'problem'])
    expect(path?.message).toContain(text)
  })

  it('stops reading a path that answers without end', async () => {
    let sent = 0
    const { url } = stopAfterTest(
      await startServer((request, response) => {
        if (request.method !== 'POST') {
          void forward(request, response)
          return
        }
        response.writeHead(200, { 'content-type': MEDIA_TYPES.answer })
        // Chunks of the most that a reader takes, of which none opens.
        const more = (): void => {
          sent += 65_536
          response.write(Buffer.alloc(65_536, 0x40), (error) => {
            if ((error ?? undefined) === undefined && sent < 64 * 1024 * 1024) more()
          })
        }
        more()
      }),
    )
    const { code, findings } = await diagnose(new Home({ NOMYO_API_KEY: API_KEY }), ...at(url))
    expect([code, statuses(findings)]).toEqual([1, expect.arrayContaining(['path problem'])])
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('notices a path that removes the headers against buffering', async () => {
    const { url } = stopAfterTest(
      await startServer((request, response) => void forward(request, response, ['incremental'])),
    )
    const { findings } = await diagnose(new Home({ NOMYO_API_KEY: API_KEY }), ...at(url))
    expect(statuses(findings)).toContain('path warning')
  })

  it('sends everything but the questions for keys through a relay', async () => {
    const seen: string[] = []
    const { url } = stopAfterTest(
      await startServer((request, response) => {
        seen.push(`${String(request.method)} ${String(request.url)}`)
        void forward(request, response)
      }),
    )
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const args = [...at(gateway().url), '--relay', url]
    const { findings } = await diagnose(home, ...args, '--chat', 'nomyo/echo')
    expect(statuses(findings)).toEqual(
      expect.arrayContaining(['path ok', 'access ok', 'chat ok', 'buffering ok']),
    )
    // The path, the models, the answer.
    expect(seen).toEqual(Array(3).fill('POST /.well-known/ohttp-gateway'))
    const said = await home.run(['chat', ...args, 'Hello?'])
    expect([said.code, seen.length]).toEqual([0, 5])
    const nowhere = ['--relay', 'http://127.0.0.1:1']
    const unreachable = await home.run(['chat', ...at(gateway().url), ...nowhere, 'Hello?'])
    expect(unreachable.code).toBe(4)
  })

  it('measures whether the path holds the parts of a stream back', async () => {
    const event = (content: string, finish: string | null = null) =>
      `data: ${JSON.stringify({
        ...{ id: '1', object: 'chat.completion.chunk', created: 1, model: 'm' },
        choices: [{ index: 0, delta: { content }, finish_reason: finish }],
      })}\n\n`
    const model = stopAfterTest(
      await startModelServer((response, { method }) => {
        if (method === 'GET') {
          response.end('{"data":[{"id":"m"}]}')
          return
        }
        response.setHeader('content-type', 'text/event-stream')
        let count = 0
        const timer = setInterval(() => {
          if (count++ < 10) response.write(event('one '))
          else {
            clearInterval(timer)
            response.end(`${event('', 'stop')}data: [DONE]\n\n`)
          }
        }, 60)
      }),
    )
    const slow = stopAfterTest(
      await startGateway({
        apiKeys: [API_KEY],
        engine: { kind: 'openai', baseUrl: model.url, apiKey: undefined },
      }),
    )
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const direct = await diagnose(home, ...at(slow.url), '--chat', 'm')
    expect(statuses(direct.findings)).toContain('buffering ok')
    expect(direct.findings.at(-1)?.message).toContain('does not buffer')
    const { url } = stopAfterTest(
      await startServer((request, response) => void forward(request, response, [], slow.url)),
    )
    const held = await diagnose(home, ...at(url), '--chat', 'm')
    expect(statuses(held.findings)).toContain('buffering warning')
  })

  it('notices a gateway that is known to speak wire 2, and denies it', async () => {
    const { url } = stopAfterTest(
      await startServer((request, response) => {
        if (request.url === '/pki/wire2') response.writeHead(404).end()
        else void forward(request, response)
      }),
    )
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const key = await fetch(`${gateway().url}/pki/public_key`)
    const { fingerprint } = await importPublicKey(await key.text())
    const lines = `${url} ${OTHER_KEY} 2026-11-28 wire=2\n${url} ${fingerprint} 2026-11-28\n`
    const args = [...at(url), '--known-servers', home.file('known', lines)]
    const { code, findings } = await diagnose(home, ...args)
    expect(code).toBe(1)
    expect(statuses(findings)).toEqual(expect.arrayContaining(['wire problem', 'access warning']))
  })

  it('prints lines for people without --json', async () => {
    const home = new Home()
    const { code, stdout } = await home.run(['doctor', ...at(gateway().url)])
    expect(code).toBe(1)
    expect(stdout).toContain('problem  access')
    expect(stdout).toContain('                      -> ')
    expect(stdout).not.toContain('\u001b')
  })

  it.each<[string, string, (url: string) => string[], Record<string, string>?]>([
    ['a gateway that is down', 'TCP', () => at('http://127.0.0.1:9')],
    ['a wrong name', 'DNS', () => ['--gateway', 'https://no-such-name.invalid']],
    ['http:// that no option allows', 'address', (url) => ['--gateway', url]],
    ['a wrong pin', 'trust', (url) => [...at(url), '--pin', OTHER_KEY]],
    ['no API key', 'access', at],
    ['a wrong API key', 'access', at, { NOMYO_API_KEY: 'wrong' }],
    ['another service', 'server key', (url) => at(`${url}/prefix`)],
    ['a port without TLS', 'TLS', (url) => ['--gateway', url.replace('http:', 'https:')]],
  ])('reports %s, with a remedy', async (_what, check, args, environment = {}) => {
    const { code, findings } = await diagnose(new Home(environment), ...args(gateway().url))
    expect(code).toBe(1)
    const problems = findings.filter(({ status }) => status === 'problem')
    expect(problems.map((problem) => problem.check)).toEqual([check])
    expect(problems[0]?.remedy).toMatch(/^\S[^\n]+$/)
  })

  it('reports a changed key, and sends no API key to it', async () => {
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const known = home.file('known', `${gateway().url} ${OTHER_KEY} 2026-01-01\n`)
    const args = [...at(gateway().url), '--known-servers', known]
    const { code, findings } = await diagnose(home, ...args)
    expect(code).toBe(1)
    expect(statuses(findings)).toContain('trust problem')
    expect(statuses(findings).at(-1)).toBe('access warning')
    expect(readFileSync(known, 'utf8')).toContain(OTHER_KEY)
  })

  it('sends no API key to a machine that does not satisfy the policy', async () => {
    const tap = await tapBefore(gateway())
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const args = [...at(tap.url), ...home.unmetPolicy()]
    const { code, findings } = await diagnose(home, ...args, '--chat', 'nomyo/echo')
    expect(code).toBe(1)
    expect(statuses(findings).slice(-2)).toEqual(['machine problem', 'access warning'])
    expect(tap.recorded.toGateway).toContain('GET /pki/')
    expect(tap.recorded.toGateway).not.toContain(API_KEY)
  })
})

describe.skipIf(!isInstalled('openssl'))('nomyo doctor over TLS', () => {
  // Node reads the CAs of the environment at the start of a process.
  const check = async (alternativeName: string, days: number, trusted: boolean) => {
    const folder = temporaryFolder()
    const ca = makeCa(folder, 'ca')
    const { cert, key } = makeCertificate(folder, 'gateway.test', {
      ca,
      for: alternativeName,
      days,
    })
    const tls = stopAfterTest(await startGateway({ tls: { certFile: cert, keyFile: key } }))
    const args = ['doctor', '--json', '--gateway', tls.url]
    const { ended } = new Home().start(args, trusted ? { NODE_EXTRA_CA_CERTS: ca.cert } : {})
    return statuses(findingsOf(await ended).findings)
  }

  it('accepts a valid certificate, and warns before it expires', async () => {
    expect(await check('IP:127.0.0.1', 60, true)).toEqual(
      expect.arrayContaining(['TLS ok', 'access ok']),
    )
    expect(await check('IP:127.0.0.1', 3, true)).toContain('TLS warning')
  })

  it('refuses one of an unknown CA, and one for another name', async () => {
    expect(await check('IP:127.0.0.1', 60, false)).toContain('TLS problem')
    expect(await check('DNS:other.test', 60, true)).toContain('TLS problem')
  })
})

it.each<[string, number[] | undefined, number[], string, string]>([
  ['a quick answer', [10, 15_500], [], 'ok', 'not measured'],
  ['few parts', [10, 900], [10, 11, 12, 13, 14], 'ok', 'not measured'],
  ['no answer', undefined, [], 'ok', 'not measured'],
  ['a sign of life in time', [15_050, 40_000], [], 'ok', 'does not buffer'],
  ['nothing before the end', [39_900, 40_000], [], 'warning', 'buffers'],
  ['a stream', [90, 400], [90, 150, 200, 250, 300, 400], 'ok', 'does not buffer'],
  ['a stream, two parts late', [90, 300], [90, 150, 200, 201, 250, 251, 300], 'ok', 'not buffer'],
  ['a stream at once', [400, 402], [400, 400, 400, 401, 402, 402], 'warning', 'seems to buffer'],
  [
    'a stream in blocks',
    [200, 600],
    [200, 200, 200, 400, 400, 400, 600, 600, 600],
    'warning',
    'seems to buffer',
  ],
])('%s tells of buffering what it can', (_, bytes, chunksMs, status, text) => {
  const [firstByteMs = 0, lastByteMs = 0] = bytes ?? []
  const finding = describePacing(bytes && { firstByteMs, lastByteMs, chunksMs })
  expect([finding.status, finding.message]).toEqual([status, expect.stringContaining(text)])
})

it.each([
  ['http://localhost:12435', undefined],
  ['http://127.0.0.2', undefined],
  ['http://[::1]:1', undefined],
  ['http://gateway.example', 'HTTP_PROXY'],
])('a proxy of the environment is not used for this machine itself: %s', (url, expected) => {
  expect(proxyVariable(new URL(url), { HTTP_PROXY: 'http://proxy.example' })).toBe(expected)
})
