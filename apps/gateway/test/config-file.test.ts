import { UsageError } from '@nomyo-internal/command-line'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { GatewayConfig } from '../src/config/config.js'
import {
  chat,
  complete,
  readConfig,
  runCommand,
  temporaryFile,
  testGateway,
  testKeyDir,
  testModelServer,
} from './support.js'

const ENV = { SECRET: 'canary-secret-of-the-tests', ONE: '1' }

const file = (text: string): string => temporaryFile(text, 'gateway.yaml')

type Variables = Readonly<Record<string, string>>

async function read(
  text: string,
  args: readonly string[] = [],
  env: Variables = {},
): Promise<GatewayConfig> {
  const { sources, ...config } = readConfig(['--config', file(text), ...args], { ...ENV, ...env })
  expect(sources?.[0]).toMatchObject({ isSecret: false })
  return config
}

async function print(text: string, args: readonly string[] = []): Promise<string> {
  return (await runCommand(['--config', file(text), '--print-config', ...args], ENV)).stdout
}

const whole = `
host: 0.0.0.0
port: 8080
engine: openai
healthInterval: 2
unhealthyAfter: 5
apiKey: [the-first-key-of-callers, { env: SECRET }]
keyDir: /keys
acceptLegacyTag: true
maxBody: 2MiB
corsOrigin: https://chat.example
tpm: device
pcrs: sha256:0
tpmAk: ephemeral
tpmRequired: true
logLevel: warn
upstreams:
  - name: gpu-1
    url: https://gpu-1.internal/v1
    apiKey: { env: SECRET }
    models: [llama, 'qwen/*']
    weight: 2.5
    maxConcurrent: 8
    tiers: [standard, high]
    timeouts: { connectMs: 500, headersMs: 1000, totalMs: 2000 }
  - name: gpu-2
    url: http://127.0.0.1:2/v1
tiers:
  standard: {}
  high: { models: [llama], requireAttestation: true, requireUpstreamTls: true }
policyVersion: 2026-11
`

const upstreams = [
  {
    name: 'gpu-1',
    url: 'https://gpu-1.internal/v1',
    apiKey: 'canary-secret-of-the-tests',
    models: ['llama', 'qwen/*'],
    weight: 2.5,
    maxConcurrent: 8,
    tiers: ['standard', 'high'],
    timeouts: { connectMs: 500, headersMs: 1000, totalMs: 2000 },
  },
  { name: 'gpu-2', url: 'http://127.0.0.1:2/v1' },
]

const config = {
  host: '0.0.0.0',
  port: 8080,
  engine: { kind: 'upstreams', upstreams, health: { intervalMs: 2000, unhealthyAfter: 5 } },
  apiKeys: ['the-first-key-of-callers', 'canary-secret-of-the-tests'],
  keyDir: '/keys',
  acceptLegacyTag: true,
  web: false,
  maxBodyBytes: 2 * 1024 * 1024,
  corsOrigins: ['https://chat.example'],
  tpm: { address: 'device', pcrs: 'sha256:0', ak: { mode: 'ephemeral' }, required: true },
  // Not in the file: defaults.
  keys: { overlapMs: 86_400_000, leadMs: 6000, identityOverlapMs: 30 * 86_400_000 },
  requestKeys: { rotationMs: 3_600_000 },
  minWire: '1.0',
  trustedProxies: [],
  load: { maxQueue: 64, maxRequests: 512, maxJsonValues: 250_000, maxConnections: 4096 },
  replayWindowMs: 600_000,
  rateLimit: { perSecond: 2, burst: 4 },
  rateCoolDownMs: 60_000,
  streams: { intervalMs: 50, paddingBytes: 512, idleTimeoutMs: 300_000 },
  logLevel: 'warn',
  policy: {
    version: '2026-11',
    tiers: {
      standard: {},
      high: { models: ['llama'], requireAttestation: true, requireUpstreamTls: true },
    },
  },
}

describe('a config file', () => {
  it('sets every option', async () => {
    expect(await read(whole)).toEqual(config)
  })

  it('may be JSON, indented by tabs', async () => {
    expect(await read(JSON.stringify(parse(whole), null, '\t'))).toEqual(config)
  })

  it('may name upstreams as the command line does', async () => {
    const url = 'http://one/v1'
    expect(await read(`upstream: ${url}\nupstreamKey: { env: SECRET }`)).toMatchObject({
      engine: { kind: 'openai', baseUrl: url, apiKey: 'canary-secret-of-the-tests' },
    })
    expect(await read(`upstream: [${url}, http://two/v1]`)).toMatchObject({
      engine: { kind: 'upstreams', upstreams: [{ url }, { url: 'http://two/v1' }] },
    })
  })

  it('may have no member, and be named by the environment', async () => {
    const NOMYO_CONFIG = file('{}')
    expect(readConfig(['--engine=demo'], { NOMYO_CONFIG })).toMatchObject({ port: 12435 })
    expect(() => readConfig(['--engine=demo'], { NOMYO_CONFIG: `${NOMYO_CONFIG}x` })).toThrow(
      UsageError,
    )
  })

  it('has a member for every flag', async () => {
    const { stdout } = await runCommand(['--help'])
    const flags = [...stdout.matchAll(/^ {2}--([a-z\d-]+)/gm)].map(([, name]) => name!)
    const beside = ['config', 'print-config', 'version', 'help']
    for (const flag of flags.filter((name) => !beside.includes(name))) {
      const member = flag.replace(/-(.)/g, (_dash, letter: string) => letter.toUpperCase())
      // What no flag takes: a mistake of this member, and not that it is unknown.
      await expect(read(`${member}: { a: 1 }`), flag).rejects.toThrow(/must be|expected/)
    }
  })

  it('yields to the environment, which yields to the command line', async () => {
    const NOMYO_PORT = '1'
    expect(await read(whole, [], { NOMYO_PORT })).toEqual({ ...config, port: 1 })
    expect(await read(whole, ['--port=2'], { NOMYO_PORT })).toEqual({ ...config, port: 2 })
    expect(await read(whole, [], { NOMYO_PORT: 'tcp://10.0.0.1:80' })).toEqual(config)
    expect(await read(whole, ['--api-key=the-key-of-the-flag'])).toEqual({
      ...config,
      apiKeys: ['the-key-of-the-flag'],
    })
  })

  it('yields its upstreams to those given otherwise, and to the demo engine', async () => {
    const NOMYO_UPSTREAM = 'http://mine/v1'
    const engine = { kind: 'openai', baseUrl: NOMYO_UPSTREAM, apiKey: undefined }
    expect(await read(whole, [], { NOMYO_UPSTREAM })).toEqual({ ...config, engine })
    const demo = { kind: 'demo' }
    expect(await read(whole, ['--engine=demo'])).toEqual({ ...config, engine: demo })
    expect(await read(`upstream: ${NOMYO_UPSTREAM}`, ['--engine=demo'])).toMatchObject({
      engine: demo,
    })
  })

  it('is checked whole for the demo engine too', async () => {
    await expect(read('upstreams: []', ['--engine=demo'])).rejects.toThrow(UsageError)
  })

  it('is named with the files of its secrets, whose access rights are checked', () => {
    const secret = temporaryFile('the-key-of-a-file\n')
    const path = file(`engine: demo\napiKey: { file: ${secret} }`)
    expect(readConfig(['--config', path]).sources).toEqual([
      { path, isSecret: false },
      { path: secret, isSecret: true },
    ])
    expect(readConfig(['--engine=demo']).sources).toBeUndefined()
  })

  it('may keep keys in files', async () => {
    const path = temporaryFile('the-key-of-a-file\n')
    expect(await read(`engine: demo\napiKey: { file: ${path} }`)).toMatchObject({
      apiKeys: ['the-key-of-a-file'],
    })
  })
})

describe('a mistake in a config file', () => {
  const upstream = (members: string): string =>
    `upstreams:\n  - name: a\n    url: http://a/v1\n    ${members}`
  it.each([
    ['an unknown member', 'port: 1\nhots: canary', 2, 'hots'],
    ['a flag by its name', 'max-body: 1MiB', 1, 'max-body'],
    ['what is no member', 'config: x', 1, 'config'],
    ['another type', 'port: 1\nlogLevel: [canary]', 2, 'logLevel'],
    ['a text for a switch', 'tpmRequired: canary', 1, 'tpmRequired'],
    ['nothing for a text', 'engine: demo\nhost:', 2, 'host'],
    ['what a flag would not take', 'engine: demo\n\nport: 70000', 3, 'port'],
    ['a switch out of place', 'engine: demo\ntpmRequired: true', 2, 'tpmRequired'],
    [
      'an engine with upstreams',
      'upstreams: [{ name: a, url: http://a/v1 }]\nengine: demo',
      2,
      'engine',
    ],
    ['a key that is not there', 'apiKey:\n  - { env: canary }', 2, 'apiKey[0]'],
    [
      'a file that is not there',
      'apiKey:\n  - a-key-that-is-long-enough\n  - { file: /canary }',
      3,
      'apiKey[1]',
    ],
    ['an empty key', 'apiKey: ""', 1, 'apiKey'],
    ['a short key', 'apiKey: canary-of-15-ch', 1, 'apiKey'],
    ['a short key in a list', 'apiKey:\n  - a-key-that-is-long-enough\n  - canary', 3, 'apiKey[1]'],
    ['a list of no keys', 'apiKey: []', 1, 'apiKey'],
    ['a file of keys without a name', 'engine: demo\nkeysFile: ""', 2, 'keysFile'],
    ['a file of keys without anything', 'keysFile:', 1, 'keysFile'],
    ['a list of no origins', 'corsOrigin: []', 1, 'corsOrigin'],
    ['a key with blanks', 'engine: demo\napiKey: canary canary', 2, 'apiKey'],
    ['a key of two places', 'apiKey: { env: SECRET, file: canary }', 1, 'apiKey'],
    ['a number for a key', 'apiKey: 12345', 1, 'apiKey'],
    [
      'a comma in a list',
      'corsOrigin:\n  - https://a.example,https://b.example',
      2,
      'corsOrigin[0]',
    ],
    ['a comma in a text', 'upstream: "http://canary,http://b"', 1, 'upstream'],
    ['no upstream', 'upstreams: []', 1, 'upstreams'],
    [
      'upstreams twice',
      'upstream: http://a\nupstreams: [{ name: a, url: http://a }]',
      2,
      'upstreams',
    ],
    ['no list', 'upstreams: { name: a }', 1, 'upstreams'],
    ['an upstream without a URL', 'upstreams:\n  - name: a', 2, 'upstreams[0].url'],
    ['an unknown member of an upstream', upstream('canary-less: 1'), 4, 'upstreams[0].canary-less'],
    [
      'a name twice',
      `${upstream('weight: 1')}\n  - url: http://b\n    name: a`,
      6,
      'upstreams[1].name',
    ],
    ['no URL', 'upstreams:\n  - name: a\n    url: canary', 3, 'upstreams[0].url'],
    [
      'a password in a URL',
      'upstreams:\n  - { name: a, url: "http://a:canary@b" }',
      2,
      'upstreams[0].url',
    ],
    ['a weight of nothing', upstream('weight: 0'), 4, 'upstreams[0].weight'],
    ['a tier that is none', upstream('tiers: [standard, canary]'), 4, 'upstreams[0].tiers[1]'],
    [
      'a timeout of text',
      upstream('timeouts: { totalMs: 1s }'),
      4,
      'upstreams[0].timeouts.totalMs',
    ],
    ['an unknown tier', 'tiers:\n  hgih: {}', 2, 'tiers.hgih'],
    ['no tier', 'tiers: {}', 1, 'tiers'],
    ['an unknown rule', 'tiers:\n  high:\n    requireTls: true', 3, 'tiers.high.requireTls'],
    [
      'a text for a rule',
      'tiers:\n  high: { requireAttestation: "no" }',
      2,
      'tiers.high.requireAttestation',
    ],
    ['no model of a tier', 'tiers:\n  high: { models: [] }', 2, 'tiers.high.models'],
    ['a version of no policy', 'engine: demo\npolicyVersion: v1', 2, 'policyVersion'],
    ['a member twice', 'port: 1\nport: 2', 2, ''],
    ['no YAML', 'port: 1\nhost: "canary', 2, ''],
    ['an unknown tag', 'port: 1\nhost: !canary x', 2, ''],
  ])('is reported by line and member, without the value: %s', async (_what, text, line, member) => {
    const error: unknown = await read(text).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(UsageError)
    const { message } = error as Error
    expect(message).toMatch(/gateway\.yaml:\d+: /)
    const [, place] = message.split('gateway.yaml:')
    expect(place!.startsWith(`${line}: ${`${member} `.trimStart()}`)).toBe(true)
    expect(place!.replace(member, '')).not.toContain('canary')
  })

  it.each(['', '\n', '# port: 1\n', '---\n', 'null'])(
    'is the loss of every setting where it is empty: %j',
    async (text) => {
      await expect(read(text, ['--engine=demo'])).rejects.toThrow(UsageError)
    },
  )

  it.each(['[]', 'canary', '7', '&a [*a]'])('is a whole that has no members: %s', async (text) => {
    await expect(read(text)).rejects.toThrow(UsageError)
  })

  it('is where it was made, if the environment made it', async () => {
    await expect(read('engine: demo\nport: 1', [], { NOMYO_PORT: 'x' })).rejects.toThrow(
      /^NOMYO_PORT/,
    )
  })

  it('ends with 2', async () => {
    const { code, stdout } = await runCommand(['--config', file('hots: x')])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect((await runCommand(['--config', '/nowhere.yaml'])).code).toBe(2)
  })
})

describe('--print-config', () => {
  it('gives a config file of the settings in effect, but for keys', async () => {
    const printed = await print(whole, ['--port=9'])
    expect(printed).not.toMatch(/canary|first-key/)
    const withKeys = printed.replaceAll(/\(not shown\)/g, '{ env: SECRET }')
    expect(await read(withKeys)).toEqual({
      ...config,
      port: 9,
      apiKeys: ['canary-secret-of-the-tests', 'canary-secret-of-the-tests'],
    })
    await expect(read(printed)).rejects.toThrow(UsageError)
    await expect(read(printed)).rejects.toThrow('--print-config')
  })

  it('gives a list for a flag with several values', async () => {
    const args = ['--trust-proxy', '10.0.0.0/8,loopback', '--trust-proxy', '192.0.2.1']
    const printed = await print('engine: demo', args)
    expect(await read(printed)).toMatchObject({
      trustedProxies: ['10.0.0.0/8', 'loopback', '192.0.2.1'],
    })
  })

  it('shows defaults, and can be read again', async () => {
    const printed = await print('engine: demo')
    expect(parse(printed)).toMatchObject({ port: 12435, maxBody: '16MiB' })
    expect(await read(printed)).toEqual(await read('engine: demo'))
  })

  it('ends with 0, or as a start with these settings would have failed', async () => {
    const printing = (text: string) => async () =>
      runCommand(['--print-config', '--config', file(text)])
    const { code, stdout, stderr } = await printing('engine: demo\napiKey: canary-of-the-file')()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('canary')
    expect(await printing('engine: x')()).toMatchObject({ code: 2, stdout: '' })
  })
})

it('a gateway started with a config file answers by it', async () => {
  const upstream = await testModelServer()
  const keyDir = testKeyDir({ 'private_key.pem': 'server' })
  const text = `
apiKey: { env: CALLERS }
keyDir: ${keyDir}
upstreams:
  - { name: only, url: '${upstream.url}', apiKey: { env: SERVERS } }`
  const gateway = await testGateway({
    args: ['--config', file(text)],
    env: { CALLERS: 'canary-of-the-caller', SERVERS: 'canary-2' },
    keyDir,
  })
  await complete(gateway, chat('Hi'), { authorization: 'Bearer canary-of-the-caller' })
  expect(upstream.seen[0]!.headers.authorization).toBe('Bearer canary-2')
  expect(gateway.log()).not.toContain('canary')
})
