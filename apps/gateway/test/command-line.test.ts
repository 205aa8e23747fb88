import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { flagName, UsageError, type OptionDefinition } from '@nomyo-internal/command-line'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startGatewayProcess } from '@nomyo-internal/testing'
import { OPTIONS } from '../src/config/schema.js'
import { readGatewaySettings } from '../src/config/load.js'
import {
  chat,
  complete,
  completionOf,
  failureOf,
  holdAnswer,
  post,
  readConfig,
  runCommand,
  send,
  serverKeys,
  startGateway,
  testGateway,
  testGatewayProcess,
  testKeyDir,
  testModelServer,
  testSocket,
  type CommandRun,
} from './support.js'

/** The README lists the options that exist, word by word; its test compares it with the same schema. */
const FLAGS = [
  ...Object.entries<OptionDefinition>(OPTIONS)
    .filter(([, { flag }]) => flag !== false)
    .map(([name]) => flagName(name)),
  'version',
  'help',
]

describe('--help', () => {
  it.each(['--help', '-h'])('%s lists every flag and ends well', async (flag) => {
    const ended = await runCommand([flag])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    const listed = [...ended.stdout.matchAll(/^ {2}--([a-z\d-]+)/gm)].map(([, name]) => name)
    expect(listed).toEqual(FLAGS)
  })
})

describe('an invalid command line', () => {
  const demo = ['--engine', 'demo']
  /** Values that the flag refuses, beside `--engine demo` and what the flag needs. */
  const refusedValues: readonly (readonly [string, readonly string[], (readonly string[])?])[] = [
    ['--upstream', ['http://127.0.0.1:1']],
    ['--health-interval', ['0']],
    ['--unhealthy-after', ['1.5']],
    ['--port', ['65536', '-1', '80a', '0x50']],
    ['--max-body', ['1023', '257MiB', '16 apples']],
    ['--log-level', ['loud']],
    [
      '--api-key',
      ['', 'with blanks, but long enough', 'schl\u00fcssel-lang-genug', '15-characters--'],
    ],
    ['--api-key', ['15-canary-chars'], ['--api-key', 'a-key-that-is-long-enough']],
    ['--nonsense', ['x']],
    ['--apikey', ['canary']],
    ['--help', ['yes']],
    ['--metrics-port', ['65536']],
    ['--max-queue', ['-1']],
    ['--max-connections-per-address', ['0']],
    ['--request-timeout', ['0s', '2h']],
    ['--tls-cert', ['/canary']],
    ['--tls-key', ['/canary']],
    ['--trust-proxy', ['canary.example', '0.0.0.0/0', '10.0.0.0/33', '127.0.0.1,,::1']],
    ['--max-opens', ['0']],
    ['--max-requests', ['canary']],
    ['--metrics-host', ['::1']],
    ['--drain-delay', ['11m']],
    ['--key-rotation', ['30']],
    ['--key-rotation', ['1d'], ['--key-overlap', '24h']],
    ['--key-overlap', ['canary']],
    ['--key-password-file', ['/canary']],
    ['--key-password', ['canary']],
    [
      '--tpm',
      ['localhost:2321', 'tcp://127.0.0.1', 'unix://relative', '/home/canary/tpm', 'DEVICE'],
    ],
    ['--pcrs', ['sha256:0']],
    ['--pcrs', ['sha256:0'], ['--tpm', 'none']],
    ['--tpm-ak', ['persistent']],
    ['--pcrs', ['0,7,10', 'sha256:', 'sha256:24', 'sha256:0,0', 'md5:0'], ['--tpm', 'device']],
    [
      '--tpm-ak',
      ['canary', '0x80000000', '0x81800000', '0x810100', '2164326402'],
      ['--tpm', 'device'],
    ],
    ['--tpm-required', ['canary'], ['--tpm', 'device']],
    ['--rate-limit', ['0/s', '2', '2/m', '1.5/s', '-1/s', '10001/s', 'canary']],
    ['--host', ['0.0.0.0', 'canary.example', '::'], ['--web']],
    ['--web', ['canary']],
    ['--rate-burst', ['1', 'canary']],
    ['--rate-burst', ['4'], ['--rate-limit=off']],
    ['--redis', ['127.0.0.1:6379', 'http://canary', 'redis://', 'redis://:canary@x:y']],
    [
      '--redis-failure',
      ['open', 'replay', 'replay=open', 'canary=closed', 'replay=closed;rate=closed', '='],
      ['--redis=redis://x'],
    ],
    ['--redis-failure', ['closed']],
    ['--replay-window', ['0s', '31d', '10', 'm', '1.5m', '-1s', 'canary', 'off']],
  ]
  const usageErrors: readonly (readonly [readonly string[], Record<string, string>])[] = [
    ...refusedValues.flatMap(([flag, values, others = []]) =>
      values.map((value) => [[...demo, ...others, `${flag}=${value}`], {}] as const),
    ),
    [[], {}],
    [['--engine', 'openai'], {}],
    [['--engine', 'gpt', '--upstream', 'http://127.0.0.1:1'], {}],
    [['--upstream', 'localhost'], {}],
    [['--upstream', 'ftp://127.0.0.1'], {}],
    [['--upstream', 'http://127.0.0.1:1', '--upstream', 'canary'], {}],
    [[], { NOMYO_UPSTREAM: 'http://127.0.0.1:1,canary' }],
    [[...demo, '--nonsense'], {}],
    [[...demo, '-x'], {}],
    [[...demo, 'positional-canary'], {}],
    [[...demo, '--port'], {}],
    [[...demo, '--api-key', '--port', '1'], {}],
    [[...demo, '--api-key', '-canary'], {}],
    [[...demo, '--key-dir', 'k', '--key-password-file', 'f'], { NOMYO_KEY_PASSWORD: 'canary' }],
    [[...demo, '--key-dir', 'k'], { NOMYO_KEY_PASSWORD: ' ' }],
    [['rotate'], {}],
    [['rotate', '--key-dir', 'k', '--port', '1'], {}],
    [['rotate', '--key-dir', 'k'], { NOMYO_SHARED_KEYS: 'canary' }],
    [['fingerprint', 'positional-canary'], {}],
    [[...demo, '--tpm-required'], {}],
    [[...demo, '--tpm', 'device', '--tpm-required', 'canary'], {}],
    [[...demo, '--tpm-required', '-x'], {}],
    [[...demo, '--host', '192.0.2.1'], { NOMYO_WEB: '1' }],
    [[...demo, '--tpm', 'device'], { NOMYO_TPM_REQUIRED: 'canary' }],
    [demo, { NOMYO_TPM_REQUIRED: '1' }],
    [demo, { NOMYO_PCRS: 'sha256:0' }],
    [demo, { NOMYO_PORT: 'x' }],
    [demo, { NOMYO_API_KEY: 'one-key-of-the-canary, two-key-of-the-canary' }],
    [demo, { NOMYO_LOG_LEVEL: 'LOUD' }],
    [[], { NOMYO_ENGINE: 'canary' }],
  ]

  it.each(usageErrors)('is a usage error, reported without the value: %j %j', (args, env) => {
    let error: unknown
    try {
      readConfig(args, env)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(UsageError)
    // A value may be a key.
    expect((error as Error).message).not.toMatch(/canary|schl/)
  })

  const typical = ['[]', 'nonsense', 'canary', '"--port"]', 'NOMYO_PORT']
  it.each(usageErrors.filter((one) => typical.some((part) => JSON.stringify(one).includes(part))))(
    'ends with 2 and one sentence: %j %j',
    async (args, env) => {
      const ended = await runCommand(args, env)
      const sentence = failureOf(ended, 2)
      expect(ended.stderr.trimEnd()).toBe(sentence)
      expect(sentence).toContain('--help')
      expect(sentence).not.toMatch(/canary|schl/)
    },
  )

  it.each([
    ['--apikey', '--api-key'],
    ['--prot', '--port'],
    ['--log-leve', '--log-level'],
    ['--keydir', '--key-dir'],
  ])('gets a suggestion: %s for %s', (wrong, right) => {
    expect(() => readConfig([wrong, 'x'])).toThrow(UsageError)
    expect(() => readConfig([wrong, 'x'])).toThrow(right)
  })
})

describe('settings', () => {
  const defaults = {
    host: '127.0.0.1',
    port: 12435,
    engine: { kind: 'demo' },
    corsOrigins: [],
    keyDir: undefined,
    keys: { overlapMs: 86_400_000, leadMs: 6000, identityOverlapMs: 30 * 86_400_000 },
    requestKeys: { rotationMs: 3_600_000 },
    minWire: '1.0',
    trustedProxies: [],
    load: { maxQueue: 64, maxRequests: 512, maxJsonValues: 250_000, maxConnections: 4096 },
    acceptLegacyTag: false,
    web: false,
    maxBodyBytes: 16 * 1024 * 1024,
    replayWindowMs: 600_000,
    rateCoolDownMs: 60_000,
    streams: { intervalMs: 50, paddingBytes: 512, idleTimeoutMs: 300_000 },
    logLevel: 'info',
  }
  const given = {
    ...defaults,
    host: '0.0.0.0',
    port: 8080,
    engine: { kind: 'openai', baseUrl: 'http://upstream:1/v1', apiKey: 'upstream-key' },
    apiKeys: ['the-key-of-caller-a', 'the-key-of-caller-b'],
    corsOrigins: ['https://chat.example'],
    keyDir: '/keys',
    keysFile: '/api-keys.json',
    maxBodyBytes: 2 * 1024 * 1024,
    replayWindowMs: 86_400_000,
    rateLimit: { perSecond: 5, burst: 7 },
    redis: { url: 'redis://x:1', failure: { replay: 'degrade', rate: 'degrade' } },
    logLevel: 'warn',
  }
  const environment = {
    NOMYO_HOST: '0.0.0.0',
    NOMYO_PORT: '8080',
    NOMYO_ENGINE: 'openai',
    NOMYO_UPSTREAM: 'http://upstream:1/v1',
    NOMYO_UPSTREAM_KEY: 'upstream-key',
    NOMYO_API_KEY: 'the-key-of-caller-a,the-key-of-caller-b',
    NOMYO_CORS_ORIGIN: 'https://chat.example',
    NOMYO_KEY_DIR: '/keys',
    NOMYO_KEYS_FILE: '/api-keys.json',
    NOMYO_MAX_BODY: '2MiB',
    NOMYO_REPLAY_WINDOW: '24h',
    NOMYO_RATE_LIMIT: '5/s',
    NOMYO_RATE_BURST: '7',
    NOMYO_REDIS: 'redis://x:1',
    NOMYO_REDIS_FAILURE: 'replay=degrade',
    NOMYO_LOG_LEVEL: 'warn',
  }

  it('have defaults', () => {
    expect(readConfig(['--engine', 'demo'])).toEqual(defaults)
    expect(readConfig(['--upstream', 'http://upstream:1/v1'])).toMatchObject({
      engine: { kind: 'openai', baseUrl: 'http://upstream:1/v1', apiKey: undefined },
    })
  })

  it('may name several upstreams', () => {
    const urls = ['http://one:1/v1', 'http://two:2/v1']
    const engine = {
      kind: 'upstreams',
      upstreams: urls.map((url, at) => ({ name: `upstream-${at + 1}`, url, apiKey: 'key' })),
      health: { intervalMs: 2000, unhealthyAfter: 5 },
    }
    const args = ['--upstream-key=key', '--health-interval=2', '--unhealthy-after=5']
    expect(readConfig([...urls.map((url) => `--upstream=${url}`), ...args])).toMatchObject({
      engine,
    })
    expect(readConfig(args, { NOMYO_UPSTREAM: urls.join() })).toMatchObject({ engine })
  })

  it('come from the environment', () => {
    expect(readConfig([], environment)).toEqual(given)
  })

  it('come from flags, in one word or two', () => {
    const values = Object.entries(environment).filter(([name]) => name !== 'NOMYO_API_KEY')
    const flags = values.map(
      ([name, value]) => [`--${name.slice(6).toLowerCase().replaceAll('_', '-')}`, value] as const,
    )
    const keys = ['--api-key', 'the-key-of-caller-a', '--api-key', 'the-key-of-caller-b']
    expect(readConfig([...flags.flat(), ...keys])).toEqual(given)
    expect(readConfig([...flags.map((flag) => flag.join('=')), ...keys])).toEqual(given)
  })

  it('of flags win over those of the environment', () => {
    const flags = {
      host: '::1',
      port: '1',
      upstream: 'http://other:2/v1',
      'upstream-key': 'other-key',
      'api-key': 'the-key-of-caller-c',
      'cors-origin': 'https://other.example',
      'key-dir': '/others',
      'keys-file': '/other-keys.json',
      'max-body': '500000',
      'replay-window': '90s',
      'rate-limit': '6/s',
      'redis-failure': 'closed',
      'log-level': 'debug',
    }
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
    expect(readConfig(args, environment)).toEqual({
      ...given,
      host: '::1',
      port: 1,
      engine: { kind: 'openai', baseUrl: 'http://other:2/v1', apiKey: 'other-key' },
      apiKeys: ['the-key-of-caller-c'],
      corsOrigins: ['https://other.example'],
      keyDir: '/others',
      keysFile: '/other-keys.json',
      maxBodyBytes: 500_000,
      replayWindowMs: 90_000,
      rateLimit: { perSecond: 6, burst: 7 },
      redis: { url: 'redis://x:1', failure: { replay: 'closed', rate: 'closed' } },
      logLevel: 'debug',
    })
  })

  it.each([
    ['--host=127.0.0.1'],
    ['--host=::1'],
    ['--host=localhost'],
    ['--host=0.0.0.0', '--tls-cert=/c', '--tls-key=/k'],
  ])('may be a page where browsers let it work: %s', (...where) => {
    expect(readConfig(['--engine=demo', '--web', ...where])).toMatchObject({ web: true })
  })

  const protections = [
    ...['NOMYO_API_KEY', 'NOMYO_KEYS_FILE', 'NOMYO_KEY_PASSWORD', 'NOMYO_KEY_PASSWORD_FILE'],
    ...['NOMYO_TPM_REQUIRED', 'NOMYO_TLS_CERT', 'NOMYO_TLS_KEY', 'NOMYO_UPSTREAM_CA'],
  ]

  it.each([...protections, ...Object.keys(environment).filter((name) => name !== 'NOMYO_ENGINE')])(
    'of an empty %s are refused',
    (name) => {
      for (const empty of ['', ' ']) {
        const read = (): unknown => readConfig(['--engine', 'demo'], { [name]: empty })
        expect(read).toThrow(UsageError)
        expect(read).toThrow(name)
      }
    },
  )

  it('of a service of Kubernetes are ignored', () => {
    const links = {
      NOMYO_PORT: 'tcp://10.96.0.1:12435',
      NOMYO_PORT_12435_TCP: 'tcp://10.96.0.1:12435',
      NOMYO_PORT_12435_TCP_PORT: '12435',
      NOMYO_PORT_12435_TCP_ADDR: '10.96.0.1',
      NOMYO_SERVICE_HOST: '10.96.0.1',
      NOMYO_SERVICE_PORT: '12435',
      NOMYO_METRICS_PORT: 'udp://[fd00::1]:9464',
      NOMYO_REDIS_PORT: 'tcp://10.96.0.2:6379',
    }
    expect(readConfig(['--engine', 'demo'], links)).toEqual(defaults)
    const { serviceLinks } = readGatewaySettings(['--engine', 'demo'], links)
    expect([...serviceLinks].sort()).toEqual(['NOMYO_METRICS_PORT', 'NOMYO_PORT'])
  })

  describe('of a TPM', () => {
    const tpmOf = (args: readonly string[], env: Readonly<Record<string, string>> = {}): unknown =>
      readConfig(['--engine=demo', ...args], env).tpm
    const defaults = {
      address: 'device',
      pcrs: 'sha256:0,7,10',
      ak: { mode: 'persistent' },
      required: false,
    }

    it('have defaults', () => {
      expect(tpmOf([])).toBeUndefined()
      expect(tpmOf(['--tpm', 'none'], { NOMYO_TPM: 'device' })).toBeUndefined()
      expect(tpmOf([], { NOMYO_TPM_REQUIRED: 'false' })).toBeUndefined()
      expect(tpmOf(['--tpm', 'device'])).toEqual(defaults)
    })

    it.each(['device', '/dev/tpm0', 'unix:///run/swtpm/socket', 'tcp://127.0.0.1:2321'])(
      'take %s',
      (address) => {
        expect(tpmOf(['--tpm', address])).toEqual({ ...defaults, address })
      },
    )

    it('take what can be quoted, also what proves nothing', () => {
      for (const pcrs of ['sha384:0+sha256:7', 'sha256:16,23', 'sha256:all']) {
        expect(tpmOf(['--tpm=device', '--pcrs', pcrs])).toEqual({ ...defaults, pcrs })
      }
    })

    it.each([
      ['ephemeral', { mode: 'ephemeral' }],
      ['persistent', { mode: 'persistent' }],
      ['0x81010002', { mode: 'persistent', handle: 0x81010002 }],
      ['0X817FFFFF', { mode: 'persistent', handle: 0x817fffff }],
    ])('take the key %s', (key, ak) => {
      expect(tpmOf(['--tpm=device', '--tpm-ak', key])).toEqual({ ...defaults, ak })
    })

    it('may require it, and flags win over variables', () => {
      const required = { ...defaults, required: true }
      const env = { NOMYO_TPM: 'device', NOMYO_TPM_REQUIRED: 'true', NOMYO_TPM_AK: 'persistent' }
      expect(tpmOf([], env)).toEqual(required)
      expect(tpmOf([], { ...env, NOMYO_TPM_REQUIRED: '1' })).toEqual(required)
      expect(tpmOf([], { ...env, NOMYO_TPM_REQUIRED: '0' })).toEqual(defaults)
      expect(tpmOf(['--tpm-required'], { ...env, NOMYO_TPM_REQUIRED: '0' })).toEqual(required)
      expect(tpmOf(['--tpm-ak=ephemeral', '--tpm-required'], env)).toEqual({
        ...required,
        ak: { mode: 'ephemeral' },
      })
    })
  })

  it('of a rate limit may be off', () => {
    expect(readConfig(['--engine=demo', '--rate-limit=off'])).not.toHaveProperty('rateLimit.burst')
    expect(readConfig(['--engine=demo', '--rate-limit=3/s'])).toMatchObject({
      rateLimit: { perSecond: 3, burst: 6 },
    })
  })

  it('given twice count as given last', () => {
    expect(readConfig(['--engine=demo', '--port=1', '--port=2'])).toMatchObject({ port: 2 })
  })

  it.each([
    ['1024', 1024],
    ['1KiB', 1024],
    ['1 kib', 1024],
    ['256MiB', 256 * 1024 * 1024],
  ])('of size may be written %j', (text, bytes) => {
    expect(readConfig(['--engine=demo', '--max-body', text])).toMatchObject({ maxBodyBytes: bytes })
  })

  it('of the environment reach the process', async () => {
    const gateway = await testGateway({
      args: [],
      env: { NOMYO_ENGINE: 'demo', NOMYO_MAX_BODY: '1KiB', NOMYO_LOG_LEVEL: 'silent' },
    })
    expect((await post(gateway, 'x'.repeat(1025))).status).toBe(413)
    expect(gateway.log()).not.toContain('{')
  })
})

describe('an address that cannot be had', () => {
  it('ends with 1 and a sentence when the port is taken', async () => {
    const first = await testGateway()
    const keyDir = first.keyDir
    const args = ['--engine', 'demo', '--key-dir', keyDir, '--port', String(first.port)]
    expect(failureOf(await runCommand(args))).toContain('--port')
    expect((await fetch(`${first.url}/health`)).status).toBe(200)
  })

  it.each(['192.0.2.1', 'nowhere.invalid'])(
    'ends with 1 and a sentence when the host is not here: %s',
    async (host) => {
      const keyDir = testKeyDir({ 'private_key.pem': 'server' })
      const args = ['--engine', 'demo', '--key-dir', keyDir, '--host', host, '--port', '0']
      expect(failureOf(await runCommand(args))).toContain('--host')
    },
  )
})

/** Every file of a folder with its bytes, mode and time. */
async function snapshot(folder: string): Promise<readonly { readonly name: string }[]> {
  const names = (await readdir(folder)).sort()
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const { mode, mtimeMs, ino } = await stat(path)
      return { name, text: await readFile(path, 'utf8').catch(() => null), mode, mtimeMs, ino }
    }),
  )
}

describe('a key folder', () => {
  const start = (keyDir: string): Promise<CommandRun> =>
    runCommand(['--engine', 'demo', '--port', '0', '--key-dir', keyDir])

  it.each([
    ['no PEM', { 'private_key.pem': 'garbage.pem' }, 'ERR_KEY_INVALID'],
    ['an empty file', { 'private_key.pem': 'empty.pem' }, 'ERR_KEY_INVALID'],
    ['a key cut short', { 'private_key.pem': 'truncated' }, 'ERR_KEY_INVALID'],
    ['a damaged key', { 'private_key.pem': 'flipped' }, 'ERR_KEY_INVALID'],
    ['a key with a password', { 'private_key.pem': 'encrypted' }, 'ERR_KEY_PASSWORD'],
    ['a key of 2048 bits', { 'private_key.pem': 'rsa2048' }, 'ERR_KEY_WEAK'],
    ['an EC key', { 'private_key.pem': 'ec-p256' }, 'ERR_KEY_TYPE'],
    ['a public key in its place', { 'private_key.pem': 'server.public.pem' }, 'ERR_KEY_TYPE'],
    [
      'a public key of another',
      { 'private_key.pem': 'server', 'public_key.pem': 'other.public.pem' },
      'ERR_KEY_MISMATCH',
    ],
    ['a public key alone', { 'public_key.pem': 'server.public.pem' }, 'ERR_KEY_FILE'],
  ])('with %s ends with 1 and stays unchanged', async (_what, files, code) => {
    const keyDir = testKeyDir(files)
    const before = await snapshot(keyDir)
    expect(failureOf(await start(keyDir))).toContain(`(${code})`)
    expect(await snapshot(keyDir)).toEqual(before)
  })

  it('that is a file, or whose key is a folder, ends with 1 and stays unchanged', async () => {
    const folder = testKeyDir({})
    await writeFile(join(folder, 'file'), 'precious')
    await mkdir(join(folder, 'keys', 'private_key.pem'), { recursive: true })
    for (const name of ['file', 'keys']) {
      expect(failureOf(await start(join(folder, name))), name).toContain('(ERR_KEY_FILE)')
    }
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('precious')
    expect(await readdir(join(folder, 'keys', 'private_key.pem'))).toEqual([])
  })

  // The permissions of files do not bind root.
  it.skipIf(process.getuid?.() === 0)(
    'that may not be read or entered ends with 1 and stays unchanged',
    async () => {
      const keyDir = testKeyDir({ 'private_key.pem': 'server' })
      const before = await snapshot(keyDir)
      await chmod(join(keyDir, 'private_key.pem'), 0o000)
      const unreadable = await start(keyDir)
      await chmod(join(keyDir, 'private_key.pem'), 0o600)
      await chmod(keyDir, 0o000)
      const closed = await start(keyDir)
      await chmod(keyDir, 0o700)
      for (const ended of [unreadable, closed]) expect(failureOf(ended)).toContain('(ERR_KEY_FILE)')
      expect(await snapshot(keyDir)).toEqual(before)
    },
  )

  it('whose key others may read is used, with a warning', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    await chmod(join(keyDir, 'private_key.pem'), 0o644)
    const gateway = await testGateway({ keyDir })
    expect(gateway.log()).toContain(join(keyDir, 'private_key.pem'))
    expect(gateway.log()).not.toContain('PRIVATE')
    await chmod(join(keyDir, 'private_key.pem'), 0o600)
    const quiet = await testGateway({ keyDir })
    expect(quiet.log()).not.toContain(join(keyDir, 'private_key.pem'))
  })

  it('serves the same keys at every start', async () => {
    const keyDir = testKeyDir({ 'private_key.pem': 'server' })
    const snapshots = [await snapshot(keyDir)]
    for (let starts = 0; starts < 2; starts++) {
      const gateway = await startGatewayProcess({ keyDir })
      const pem = await (await fetch(`${gateway.url}/pki/public_key`)).text()
      const { stderr } = await gateway.stop()
      expect(pem).toBe(keyPem('keys/server.public.pem'))
      expect(stderr).toContain(serverKeys.publicKey.fingerprint)
      snapshots.push(await snapshot(keyDir))
    }
    const [before, first, second] = snapshots
    // The first start adds the identity key, and changes nothing else.
    expect(first?.filter(({ name }) => name !== 'identity_key.pem')).toEqual(before)
    expect(second).toEqual(first)
  })

  it('that is missing is created, with a key that lasts', async () => {
    const keyDir = join(testKeyDir({}), 'made', 'here')
    const first = await startGateway({ keyDir })
    const pem = await (await fetch(`${first.url}/pki/public_key`)).text()
    await first.stop()
    expect((await stat(keyDir)).mode & 0o777).toBe(0o700)
    expect((await stat(join(keyDir, 'private_key.pem'))).mode & 0o777).toBe(0o600)
    expect(await readFile(join(keyDir, 'public_key.pem'), 'utf8')).toBe(pem)
    const made = await snapshot(keyDir)
    const second = await startGateway({ keyDir })
    expect(await (await fetch(`${second.url}/pki/public_key`)).text()).toBe(pem)
    await second.stop()
    expect(await snapshot(keyDir)).toEqual(made)
  })
})

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends it well', async (signal) => {
    const gateway = await testGatewayProcess()
    await complete(gateway, chat('Hello!'))
    gateway.kill(signal)
    expect(await gateway.ended).toMatchObject({ code: 0, signal: null })
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s lets a request in flight be answered, and no other begin',
    async (signal) => {
      const upstream = await testModelServer()
      const gateway = await testGatewayProcess({ args: ['--upstream', upstream.url] })
      const { arrived, release } = holdAnswer(upstream, '{"choices":[{}],"late":true}')
      const answer = send(gateway, chat('slow'))
      await arrived
      gateway.kill(signal)
      await expect.poll(() => gateway.stderr(), { timeout: 10_000 }).toContain(`${signal}:`)
      await expect(fetch(`${gateway.url}/health`)).rejects.toThrow()
      release()
      expect(await completionOf(await answer)).toMatchObject({ late: true })
      expect(await gateway.ended).toMatchObject({ code: 0, signal: null })
    },
  )

  it('ends it while idle connections are kept alive', async () => {
    const gateway = await testGatewayProcess()
    const agent = new Agent({ keepAlive: true, maxSockets: 5 })
    onTestFinished(() => agent.destroy())
    for (let requests = 0; requests < 5; requests++) {
      const [response] = (await once(
        get(`${gateway.url}/health`, { agent }),
        'response',
      )) as Readable[]
      await once(response!.resume(), 'end')
    }
    await expect
      .poll(() => Object.values(agent.freeSockets).flat().length, { timeout: 10_000 })
      .toBeGreaterThan(0)
    gateway.kill('SIGTERM')
    expect(await gateway.ended).toMatchObject({ code: 0 })
  })

  it('ends it while a connection has sent nothing yet', async () => {
    const gateway = await testGatewayProcess()
    await testSocket(gateway.port)
    await fetch(`${gateway.url}/health`)
    gateway.kill('SIGTERM')
    expect(await gateway.ended).toMatchObject({ code: 0 })
  })

  it('given twice ends it at once', async () => {
    const upstream = await testModelServer()
    const gateway = await testGatewayProcess({ args: ['--upstream', upstream.url] })
    const { arrived } = holdAnswer(upstream)
    const answer = send(gateway, chat('never')).then(
      () => 'answered',
      () => 'cut off',
    )
    await arrived
    gateway.kill('SIGTERM')
    await expect.poll(() => gateway.stderr(), { timeout: 10_000 }).toContain('SIGTERM:')
    gateway.kill('SIGINT')
    expect(await gateway.ended).toMatchObject({ code: 1 })
    expect(await answer).toBe('cut off')
  })
})

it('standard output holds the ready line only', async () => {
  const gateway = await testGatewayProcess()
  await complete(gateway, chat('Hello!'))
  const { stdout } = await gateway.stop()
  expect(stdout).toBe(`listening on ${gateway.url}\n`)
})
