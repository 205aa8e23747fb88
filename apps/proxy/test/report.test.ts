import { createHash } from 'node:crypto'
import { shared, stopAfterTest } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import type { ProxyConfig } from '../src/config/config.js'
import type { ReportFacts } from '../src/report/facts.js'
import { PAGE_HEADERS, reportPage } from '../src/report/page.js'
import { createReport, type Report } from '../src/report/report.js'
import type { Trust } from '../src/upstream/trust.js'
import {
  API_KEY,
  TOKEN,
  ask,
  caller,
  fingerprint,
  newGateway,
  newProxy,
  refusalCode,
  testProxy,
  useGateway,
} from './support.js'

const gateway = useGateway()
const proxy = shared(() => newProxy(gateway()))

interface Asked {
  readonly status: number
  readonly report: Report
}

async function reportOf(of: { readonly url: string }): Promise<Asked> {
  const { status, body } = await ask(`${of.url}/nomyo/report`, { headers: caller() })
  return { status, report: JSON.parse(body) as Report }
}

const codes = (list: readonly { readonly code: string }[]): string[] => list.map(({ code }) => code)
const page = (authorization: string): Record<string, string> => ({
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'sec-fetch-site': 'none',
  authorization,
})
const basic = (password: string): string =>
  `Basic ${Buffer.from(`me:${password}`).toString('base64')}`

describe('the report', () => {
  it('tells wire, statement, identity, checks and their limits', async () => {
    const { status, report } = await reportOf(proxy())
    expect(status).toBe(200)
    expect(report).toMatchObject({
      type: 'nomyo-report/1',
      status: 'ok',
      gateway: gateway(),
      wire: { version: 2, kem: { name: 'MLKEM768-X25519' } },
      statement: {
        sha256: proxy().trust.wire.statementSha256,
        identities: [proxy().trust.fingerprint],
        routes: expect.arrayContaining(['POST /v1/chat/completions']),
      },
      identity: {
        type: 'identity',
        fingerprint: proxy().trust.fingerprint,
        standing: expect.stringMatching(/^(?:first-use|known)$/),
      },
      evidence: { required: null, key: null, answer: null },
    })
    expect(codes(report.checks)).toEqual([
      'GATEWAY_TRUSTED',
      'PLAIN_HTTP',
      'WIRE_2',
      'STATEMENT_SIGNED',
      'IDENTITIES_NAMED',
      'WIRE_1_SERVED',
      expect.stringMatching(/^KEY_(?:FIRST_USE|KNOWN)$/),
      'NO_APPRAISAL',
      'NO_APPRAISAL',
    ])
    expect(codes(report.notVerified)).toEqual([
      'MACHINE',
      'PLAIN_HTTP',
      'FIRST_KEY',
      'AFTER_DECRYPTION',
      'MODEL_SERVER',
      'METADATA',
      'THIS_MACHINE',
    ])
    expect(JSON.stringify(report)).not.toContain(API_KEY)
  })

  it('tells what wire 1 lacks', async () => {
    const pinned = await testProxy(gateway(), ['--wire', '1', '--pin', fingerprint])
    const { status, report } = await reportOf(pinned)
    expect(status).toBe(200)
    expect(report).toMatchObject({
      wire: { version: 1, reason: 'configured', kem: null },
      statement: null,
      identity: { type: 'server-key', fingerprint, standing: 'pinned', knownServers: null },
    })
    expect(codes(report.checks)).toEqual(
      expect.arrayContaining(['WIRE_1', 'KEY_PINNED', 'GATEWAY_TRUSTED']),
    )
    expect(codes(report.notVerified)).toContain('WIRE_1')
    expect(codes(report.notVerified)).not.toContain('FIRST_KEY')
  })

  it('is a 503 where no request would succeed, and says why', async () => {
    const first = await newGateway()
    const { port } = first
    // Asked before each request: nothing is kept.
    const unreachable = await testProxy(first.url, ['--wire', '1', '--known-servers', 'none'])
    await first.stop()
    unreachable.trust.problem = 'ERR_PLAINTEXT_INVALID'
    const failed = await reportOf(unreachable)
    expect(failed.status).toBe(503)
    expect(failed.report.status).toMatch(/^ERR_(?:NETWORK|PLAINTEXT_INVALID)$/)
    expect(failed.report.checks[0]).toMatchObject({ id: 'gateway', status: 'fail' })
    stopAfterTest(await newGateway({ port }))
  })
})

describe('access to the report', () => {
  it('needs the token of the proxy, in any of its places', async () => {
    const url = `${proxy().url}/nomyo/report`
    const missing = await ask(url)
    expect(refusalCode(missing, 401)).toBe('ERR_LOCAL_TOKEN')
    // A browser then asks for it.
    expect(missing.headers['www-authenticate']).toMatch(/^Basic realm=/)
    for (const authorization of [`Bearer x${TOKEN}`, basic(`x${TOKEN}`), basic(''), 'Basic x']) {
      expect(refusalCode(await ask(url, { headers: { authorization } }), 401)).toBe(
        'ERR_LOCAL_TOKEN',
      )
    }
    for (const headers of [
      { authorization: `Bearer ${TOKEN}` },
      { authorization: basic(TOKEN) },
      { 'x-api-key': TOKEN },
      { 'api-key': TOKEN },
    ]) {
      expect((await ask(url, { headers })).status).toBe(200)
    }
  })

  it('is refused to pages of other sites', async () => {
    const headers = { ...page(basic(TOKEN)), 'sec-fetch-site': 'cross-site' }
    const answer = await ask(`${proxy().url}/nomyo/report`, { headers })
    expect(refusalCode(answer, 403)).toBe('ERR_ORIGIN')
    const rebound = await ask(`${proxy().url}/nomyo/report`, {
      headers: { ...page(basic(TOKEN)), host: 'evil.example' },
    })
    expect(refusalCode(rebound, 403)).toBe('ERR_HOST')
  })

  it('by password is for the report alone: a browser sends it by itself', async () => {
    const answer = await ask(`${proxy().url}/v1/models`, { headers: page(basic(TOKEN)) })
    expect(refusalCode(answer, 401)).toBe('ERR_LOCAL_TOKEN')
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  })
})

describe('the page', () => {
  it('is for browsers, and runs and loads nothing', async () => {
    const { status, headers, body } = await ask(`${proxy().url}/nomyo/report`, {
      headers: page(basic(TOKEN)),
    })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': expect.stringMatching(/^default-src 'none';/),
      'cache-control': 'no-store',
    })
    expect(body).toContain(proxy().trust.fingerprint)
    expect(body).not.toMatch(/<script|<img|<link|href=|src=|onload|style=/)
    const style = /<style>([^]*)<\/style>/.exec(body)?.[1] ?? ''
    const hash = createHash('sha256').update(style).digest('base64')
    expect(PAGE_HEADERS['content-security-policy']).toContain(`'sha256-${hash}'`)
  })

  it.each([
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json', 'json'],
    ['application/json, text/html', 'json'],
    ['text/html', 'html'],
  ])('with Accept: %s it is %s', async (accept, form) => {
    const headers = caller(accept === undefined ? {} : { accept })
    const answer = await ask(`${proxy().url}/nomyo/report`, { headers })
    expect(answer.headers['content-type']).toContain(form)
  })
})

const config = {
  gateway: 'https://gateway.example',
  host: '127.0.0.1',
  pin: [],
  knownServers: undefined,
  policy: '/policy.json',
  tier: 'affirming',
  attest: 'before-send',
} as unknown as ProxyConfig

const trust: Trust = {
  fingerprint: 'sha256/<script>alert(1)</script>',
  wire: { version: 2, reason: 'attested', statementSha256: 'ab' },
  standing: 'any',
  attestation: null,
  appraisals: {},
  problem: undefined,
}

const facts: ReportFacts = {
  config,
  trust,
  outcome: { wire: 2, reason: 'attested', fingerprint: 'sha256/x' },
  now: new Date(0),
}

describe('a report of hostile facts', () => {
  const hostile = '"><img src=x onerror=alert(1)>&\u202e\u0007'

  it('is escaped on the page', () => {
    const html = reportPage(
      createReport({ ...facts, outcome: { code: 'ERR_NETWORK', message: hostile } }),
    )
    expect(html).not.toContain('<script')
    expect(html).not.toContain('<img')
    expect(html).toContain('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;&amp;')
    // eslint-disable-next-line no-control-regex -- what the page must not hold
    expect(html).not.toMatch(/[\u202e\u0007]/)
  })

  it('has no trust without evidence: a policy that was not met yet is a limit', () => {
    expect(codes(createReport(facts).notVerified)).toEqual(
      expect.arrayContaining(['NOT_YET_APPRAISED']),
    )
    expect(codes(createReport(facts).checks)).toEqual(expect.arrayContaining(['KEY_ATTESTED']))
    const after = { ...config, attest: 'after-response', tier: 'none', host: '0.0.0.0' } as const
    expect(codes(createReport({ ...facts, config: after }).notVerified)).toEqual(
      expect.arrayContaining(['AFTER_RESPONSE', 'LOWER_TIER', 'REMOTE_CALLERS']),
    )
  })

  it('is bad while answers are refused', () => {
    const refused = createReport({ ...facts, trust: { ...trust, problem: 'ERR_REPLAYED' } })
    expect(refused.status).toBe('ERR_REPLAYED')
    expect(refused.checks[0]).toMatchObject({ status: 'fail', code: 'ERR_REPLAYED' })
    expect(reportPage(refused)).toContain('ERR_REPLAYED')
  })
})
