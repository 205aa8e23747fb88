import { readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatPolicyFile } from '@nomyo/attest/policy-file'
import {
  isInstalled,
  makeCa,
  makeCertificate,
  shared,
  stopAfterTest,
  temporaryFolder,
} from '@nomyo-internal/testing'
import { forgeKey, forgedName } from '@nomyo-internal/testing/vectors/forge'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startWireTap } from '../src/commands/demo/wire-tap.js'
import { Home, startGateway, type Run } from './support.js'

const API_KEY = 'canary-api-key-71e0c2'
const OTHER_KEY = `sha256/${'A'.repeat(43)}=`

const gateway = shared(() => startGateway({ apiKeys: [API_KEY] }))
interface Finding {
  readonly check: string
  readonly status: string
  readonly remedy?: string
}

const diagnose = async (home: Home, ...args: string[]) =>
  findingsOf(await home.run(['doctor', '--json', ...args]))

function findingsOf({ code, stdout, stderr }: Pick<Run, 'stdout' | 'stderr'> & { code: unknown }): {
  code: unknown
  findings: Finding[]
} {
  expect(stdout + stderr).not.toContain(API_KEY)
  const { ok, findings } = JSON.parse(stdout)
  expect(ok).toBe(code === 0)
  return { code, findings }
}

const statuses = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, status }) => `${check} ${status}`)

describe('nomyo doctor', () => {
  it('finds no problem, stores no key, and chats only with --chat', async () => {
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const at = ['--gateway', gateway().url, '--allow-http']
    const first = await diagnose(home, ...at)
    expect(statuses(first.findings)).toEqual([
      'address ok',
      'DNS ok',
      'TCP ok',
      'server key ok',
      'trust warning',
      'machine ok',
      'access ok',
    ])
    expect(first.code).toBe(0)
    const chat = await diagnose(home, ...at, '--chat', 'nomyo/echo')
    expect(statuses(chat.findings).at(-1)).toBe('chat ok')
    expect(existsSync(join(home.path, '.nomyo'))).toBe(false)
    await home.run(['servers', 'trust', gateway().url, '--allow-http', '--yes'])
    const second = await diagnose(home, ...at)
    expect(statuses(second.findings)).toContain('trust ok')
  })

  it('prints lines for people without --json', async () => {
    const home = new Home()
    const { code, stdout } = await home.run(['doctor', '--gateway', gateway().url, '--allow-http'])
    expect(code).toBe(1)
    expect(stdout).toContain('problem  access')
    expect(stdout).toContain('                      -> ')
    expect(stdout).not.toContain('\u001b')
  })

  it.each<[string, Record<string, string>, (url: string) => string[], string]>([
    [
      'a gateway that is down',
      {},
      () => ['--gateway', 'http://127.0.0.1:9', '--allow-http'],
      'TCP',
    ],
    ['a wrong name', {}, () => ['--gateway', 'https://no-such-name.invalid'], 'DNS'],
    ['http:// that no option allows', {}, (url) => ['--gateway', url], 'address'],
    ['a wrong pin', {}, (url) => ['--gateway', url, '--allow-http', '--pin', OTHER_KEY], 'trust'],
    ['no API key', {}, (url) => ['--gateway', url, '--allow-http'], 'access'],
    [
      'a wrong API key',
      { NOMYO_API_KEY: 'wrong' },
      (url) => ['--gateway', url, '--allow-http'],
      'access',
    ],
    ['another service', {}, (url) => ['--gateway', `${url}/prefix`, '--allow-http'], 'server key'],
    ['a port without TLS', {}, (url) => ['--gateway', url.replace('http:', 'https:')], 'TLS'],
  ])('reports %s, with a remedy', async (_what, environment, args, check) => {
    const { code, findings } = await diagnose(new Home(environment), ...args(gateway().url))
    expect(code).toBe(1)
    const problems = findings.filter(({ status }) => status === 'problem')
    expect(problems.map((problem) => problem.check)).toEqual([check])
    expect(problems[0]?.remedy).toMatch(/^\S[^\n]+$/)
  })

  it('reports a changed key, and sends no API key to it', async () => {
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const known = home.file('known', `${gateway().url} ${OTHER_KEY} 2026-01-01\n`)
    const args = ['--gateway', gateway().url, '--allow-http', '--known-servers', known]
    const { code, findings } = await diagnose(home, ...args)
    expect(code).toBe(1)
    expect(statuses(findings).slice(-3)).toEqual(['trust problem', 'machine ok', 'access warning'])
    expect(readFileSync(known, 'utf8')).toContain(OTHER_KEY)
  })

  it('sends no API key to a machine that does not satisfy the policy', async () => {
    const tap = await startWireTap()
    onTestFinished(() => tap.close())
    tap.connectTo(gateway().port)
    const home = new Home({ NOMYO_API_KEY: API_KEY })
    const text = formatPolicyFile({
      requiredPcrs: 'sha256:0',
      pinnedAkNames: [forgedName(forgeKey())],
    })
    const args = ['--gateway', tap.url, '--allow-http', '--policy', home.file('p.json', text)]
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
