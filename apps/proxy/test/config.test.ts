import { readFileSync } from 'node:fs'
import { flagName, optionsTable } from '@nomyo-internal/command-line'
import { describe, expect, it } from 'vitest'
import { formatBanner } from '../src/banner.js'
import { OPTIONS } from '../src/config/options.js'
import { TOKEN, readConfig, runProxy } from './support.js'

const given = { NOMYO_PROXY_TOKEN: TOKEN }

describe('--help', () => {
  it.each(['--help', '-h'])('%s lists every flag, on lines that fit', async (flag) => {
    const { code, stdout, stderr } = await runProxy([flag], {})
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const listed = [...stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name)
    const flags = Object.entries(OPTIONS).filter(([, option]) => !('flag' in option))
    expect(listed).toEqual([...flags.map(([name]) => flagName(name)), 'version', 'help'])
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})

it('the table of the README lists every option', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(optionsTable(OPTIONS))
})

describe('a wrong command line', () => {
  it.each<[readonly string[], NodeJS.ProcessEnv?]>([
    [['canary']],
    [['--api-key', 'canary']],
    [['--token', 'canary']],
    [['--token-file', '--quiet'], {}],
    [['--token-file', 'canary']],
    [['--no-token']],
    [['--no-token', '--token-file', 'canary'], {}],
    [[], {}],
    [['--quiet'], {}],
    [[], { NOMYO_PROXY_TOKEN: 'short-canary' }],
    [[], { NOMYO_PROXY_TOKEN: 'canary with blanks in it' }],
    [[], { ...given, NOMYO_API_KEY: 'canary with blanks' }],
    [['--api-key-file', 'canary'], { ...given, NOMYO_API_KEY: 'canary' }],
    [['--gateway', 'canary']],
    [['--gateway', 'ftp://canary']],
    [['--gateway', 'http://127.0.0.1:1']],
    [['--gateway', 'https://user:canary@gateway.example']],
    [['--gateway', 'https://gateway.example/?canary']],
    [['--gateway', 'https://gateway.example/canary/v1/']],
    [[], { ...given, NOMYO_BASE_URL: 'http://127.0.0.1:1' }],
    [['--host', '0.0.0.0']],
    [['--host', '192.0.2.1']],
    [['--host', '127.evil.example']],
    [['--host', 'a b', '--allow-remote']],
    [['--host', '::', '--allow-remote', '--no-token'], {}],
    [['--allow-host', 'http://canary']],
    [['--allow-host', '*.canary']],
    [['--allow-origin', '*']],
    [['--allow-origin', 'null']],
    [['--allow-origin', 'localhost:3000']],
    [['--allow-origin', 'https://*.canary']],
    [['--allow-origin', 'https://canary/path']],
    [['--pin', 'canary']],
    [['--attest', 'before-send']],
    [['--tier', 'none']],
    [[], { ...given, NOMYO_PROXY_POLICY: '' }],
    [[], { ...given, NOMYO_PROXY_PIN: '' }],
    [[], { ...given, NOMYO_PROXY_PIN: ',' }],
    [[], { ...given, NOMYO_PROXY_SECURITY_TIER: '' }],
    [[], { ...given, NOMYO_PROXY_TOKEN_FILE: '' }],
    [[], { ...given, NOMYO_PROXY_ALLOW_ORIGIN: '' }],
    [[], { NOMYO_PROXY_TOKEN: '' }],
    [[], { ...given, NOMYO_API_KEY: '' }],
    [[], { ...given, NOMYO_BASE_URL: ' ' }],
    [['--policy', '']],
    [['--policy', 'p', '--attest', 'canary']],
    [['--policy', 'p', '--tier', 'contraindicated']],
    [['--security-tier', 'canary']],
    [['--max-concurrency', '0']],
    [['--max-concurrency', '1001']],
    [['--log-level', 'canary']],
    [[], { ...given, NOMYO_PROXY_QUIET: 'canary' }],
    [[], { ...given, NOMYO_PROXY_PORT: 'canary' }],
  ])(
    '%j %j is refused, without its value in the message',
    async (...[args, env = given]: readonly [readonly string[], NodeJS.ProcessEnv?]) => {
      const { code, stdout, stderr } = await runProxy(args, env)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(/^nomyo-proxy: [^\n]+ See --help\.\n$/)
      expect(stderr).not.toContain('canary')
    },
  )
})

describe('settings', () => {
  it('have safe defaults', () => {
    expect(readConfig([], { ...given, HOME: '/home/me' })).toEqual({
      host: '127.0.0.1',
      port: 12436,
      allowHost: [],
      allowOrigin: [],
      token: TOKEN,
      gateway: 'https://api.nomyo.ai',
      allowHttp: false,
      apiKeyFile: undefined,
      allowRemote: false,
      tokenFile: undefined,
      noToken: false,
      policy: undefined,
      attest: 'before-send',
      tier: 'affirming',
      quiet: false,
      apiKey: undefined,
      pin: [],
      knownServers: '/home/me/.nomyo/known_servers',
      wire: 'auto',
      securityTier: 'none',
      maxConcurrency: 32,
      drainTimeout: 660_000,
      logLevel: 'info',
      logFormat: 'auto',
      banner: false,
    })
    const generated = { token: undefined, tokenFile: undefined, noToken: false, banner: true }
    expect(readConfig([], {}, true)).toMatchObject(generated)
  })

  it('come from flags, else from variables', () => {
    const pin = `sha256/${'B'.repeat(43)}=`
    const variables = {
      NOMYO_PROXY_TOKEN_FILE: 'token',
      NOMYO_BASE_URL: 'http://gateway.example/path/',
      NOMYO_PROXY_ALLOW_HTTP: '1',
      NOMYO_PROXY_PORT: '1',
      NOMYO_PROXY_PIN: `${pin},${pin}`,
      NOMYO_PROXY_ALLOW_ORIGIN: 'HTTPS://Chat.example:443,http://localhost:3000',
      NOMYO_PROXY_POLICY: 'policy.json',
      NOMYO_PROXY_TIER: 'warning',
      NOMYO_PROXY_QUIET: 'true',
      NOMYO_PROXY_SECURITY_TIER: 'high',
      HOME: '/home/me',
    }
    expect(readConfig(['--port', '2', '--tier=none', '--port', '3'], variables)).toMatchObject({
      token: undefined,
      tokenFile: 'token',
      gateway: 'http://gateway.example/path',
      allowHttp: true,
      port: 3,
      pin: [pin, pin],
      knownServers: undefined,
      allowOrigin: ['https://chat.example', 'http://localhost:3000'],
      policy: 'policy.json',
      attest: 'before-send',
      tier: 'none',
      securityTier: 'high',
      logLevel: 'error',
      banner: false,
    })
  })
})

describe('an empty variable', () => {
  it('is ignored where the flag is given', () => {
    const empty = { ...given, NOMYO_PROXY_POLICY: '' }
    expect(readConfig(['--policy', 'p'], empty).policy).toBe('p')
  })
})

describe('the banner', () => {
  const trust = {
    fingerprint: 'sha256/x',
    wire: { version: 2, reason: 'known', statementSha256: 'ab' },
    standing: 'known',
    attestation: null,
    appraisals: {},
    problem: undefined,
  } as const
  const proxy = { trust, baseUrl: 'http://127.0.0.1:1/v1', token: TOKEN, hasApiKey: true }

  it('refers to a lasting token without showing it', () => {
    const kept = formatBanner(readConfig(['--token-file', "/it's/token"], {}, true), proxy)
    expect(kept).toContain(String.raw`OPENAI_API_KEY="$(cat '/it'\''s/token')"`)
    const environment = formatBanner(readConfig([], given, true), proxy)
    expect(environment).toContain('OPENAI_API_KEY="$NOMYO_PROXY_TOKEN"')
    for (const screen of [kept, environment]) expect(screen).not.toContain(TOKEN)
  })

  it('names the report, at the address of the proxy', () => {
    expect(formatBanner(readConfig([], given), proxy)).toContain('http://127.0.0.1:1/nomyo/report')
  })

  it('says which wire is used, and why', () => {
    const config = readConfig([], given)
    expect(formatBanner(config, proxy)).toMatch(
      /wire {9}2, key statement ab\n {2}identity {5}sha256/,
    )
    const on1 = (reason: 'configured' | 'not-offered') => {
      const wire = { version: 1, reason, statementSha256: null } as const
      return formatBanner(config, { ...proxy, trust: { ...trust, wire } })
    }
    expect(on1('configured')).toMatch(/wire {9}1, as configured\n {2}server key {3}sha256/)
    expect(on1('not-offered')).toMatch(/wire {9}1: the gateway does not offer wire 2/)
  })

  it('describes what is known about the machine', () => {
    const config = readConfig(['--policy', 'p'], given)
    const facts = {
      tier: 'affirming',
      trust: 'pinned',
      subject: 'server-key',
      appraisedAt: '',
    } as const
    const endorsed = formatBanner(config, { ...proxy, trust: { ...trust, attestation: facts } })
    expect(endorsed).toMatch(/attestation {2}affirming.*pinned/)
    expect(formatBanner(config, proxy)).toMatch(/attestation {2}with every answer/)
    expect(formatBanner(readConfig([], given), proxy)).toMatch(/attestation {2}not required/)
  })
})
