import { existsSync, statSync } from 'node:fs'
import { chmod, readdir, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { listenOnLoopback, temporaryFolder } from '@nomyo-internal/testing'
import { examineCapacity } from '../../src/doctor/checks/capacity.js'
import { drainTimeoutMs } from '../../src/config/drain-timeout.js'
import { checkAccess } from '../../src/doctor/file-access.js'
import { checkMemory } from '../../src/doctor/checks/memory.js'
import { runChecks } from '../../src/doctor/run-checks.js'
import { checkTrustedFiles } from '../../src/doctor/trusted-files.js'
import {
  addApiKey,
  readConfig,
  runCommand,
  serverKeys,
  temporaryFile,
  testGateway,
  testKeyDir,
  testModelServer,
} from '../support.js'
import { diagnose, statusesOf, textOf } from './diagnose.js'

const DEMO = ['--engine', 'demo', '--port', '0']
const DAY_S = 86_400

async function keyDir(vector = 'server', mode = 0o600): Promise<string> {
  const path = testKeyDir({ 'private_key.pem': vector })
  await chmod(join(path, 'private_key.pem'), mode)
  return path
}

async function keysFile(): Promise<string> {
  const path = join(temporaryFolder(), 'api-keys.json')
  await addApiKey(path)
  return path
}

async function upstream(status = 200, models = ['llama3']) {
  const data = models.map((id) => ({ id }))
  return testModelServer((response) => response.writeHead(status).end(JSON.stringify({ data })))
}

/** A port taken by another program than a gateway. */
async function takenPort(): Promise<number> {
  const server = createServer((socket) => socket.end('hello'))
  onTestFinished(() => void server.close())
  return listenOnLoopback(server)
}

it('has a help text with its usage line', async () => {
  const { code, stdout } = await runCommand(['doctor', '--help'])
  expect(code).toBe(0)
  expect(stdout).toContain('  nomyo-gateway doctor [OPTIONS]\n')
})

describe('a healthy gateway', () => {
  it('is fine, and stays unchanged', async () => {
    vi.stubEnv('UV_THREADPOOL_SIZE', '1024')
    onTestFinished(() => void vi.unstubAllEnvs())
    const [keys, file, server] = [await keyDir(), await keysFile(), await upstream()]
    const before = await readdir(keys)
    const args = ['--port', '0', '--key-dir', keys, '--keys-file', file, '--upstream', server.url]
    const diagnosis = await diagnose([
      ...[...args, '--key-rotation', '30d', '--metrics-port', '0'],
      // Machines that run tests may permit few open files.
      ...['--max-connections', '100', '--max-requests', '100'],
    ])
    expect(diagnosis.findings.filter(({ status }) => status !== 'ok')).toEqual([])
    expect(diagnosis).toMatchObject({ exitCode: 0, ok: true })
    expect(textOf(diagnosis, 'server keys')).toContain(serverKeys.publicKey.fingerprint)
    expect(await readdir(keys)).toEqual(before)
    // One look at the models, and no completion.
    expect(server.seen.map(({ url }) => url)).toEqual(['/v1/models'])
    const order = diagnosis.findings.map(({ check }) => check)
    expect([...new Set(order)]).toEqual([
      'configuration',
      'exposure',
      'runtime',
      'memory',
      'capacity',
      'listening',
      'server keys',
      'wire 2',
      'clock',
      'API keys',
      'TLS',
      'files',
      'upstreams',
      'Redis',
      'TPM',
      'shutdown',
    ])
    expect(order.lastIndexOf('runtime')).toBeLessThan(order.indexOf('listening'))
  })

  it('is found where it runs, and distinguished from another gateway or program', async () => {
    const [gateway, other] = [await testGateway(), await keyDir('other')]
    const args = ['--engine', 'demo', '--port', String(gateway.port)]
    const self = await diagnose([...args, '--key-dir', gateway.keyDir])
    expect(statusesOf(self, 'listening')).toEqual(['ok'])
    expect(self.exitCode).toBe(0)
    expect(statusesOf(await diagnose(args), 'listening')).toEqual(['warning'])
    const another = await diagnose([...args, '--key-dir', other])
    expect(statusesOf(another, 'listening')).toEqual(['problem'])
    expect(another.exitCode).toBe(1)
    const stranger = ['--engine', 'demo', '--port', String(await takenPort()), '--key-dir', other]
    expect(statusesOf(await diagnose(stranger), 'listening')).toEqual(['problem'])
    const metrics = [...DEMO, '--metrics-port', String(await takenPort())]
    expect(statusesOf(await diagnose(metrics), 'listening')).toEqual(['ok', 'problem'])
  })
})

const KEY = 'a-key-that-is-long-enough'

describe('exposure', () => {
  const of = async (args: readonly string[]): Promise<readonly string[]> => {
    const diagnosis = await diagnose(args)
    expect(diagnosis.exitCode).toBe(0)
    return statusesOf(diagnosis, 'exposure')
  }
  const far = ['--upstream', 'http://127.0.0.1:1/v1', '--host', '0.0.0.0', '--port', '0']
  const statusesOfFar = async (args: readonly string[]): Promise<readonly string[]> =>
    statusesOf(await diagnose([...far, ...args]), 'exposure')

  it('is warned about: open doors, plain HTTP, no limit, made-up answers', async () => {
    expect(await statusesOfFar([])).toEqual(['warning', 'warning'])
    expect(await statusesOfFar(['--api-key', KEY])).toEqual(['warning'])
    expect(await statusesOfFar(['--api-key', KEY, '--trust-proxy', '10.0.0.0/8'])).toEqual(['ok'])
    expect(await of(DEMO)).toEqual(['warning'])
    expect(await of([...DEMO, '--rate-limit', 'off'])).toEqual(['warning'])
    expect(await statusesOfFar(['--rate-limit', 'off'])).toEqual(['warning', 'warning', 'warning'])
    expect(await of([...DEMO, '--rate-limit', 'off', '--api-key', KEY])).toEqual([
      'warning',
      'warning',
    ])
    expect(await of([...DEMO, '--cors-origin', '*'])).toEqual(['warning', 'warning'])
    const metrics = ['--metrics-host', '0.0.0.0', '--metrics-port', '0']
    expect(await of([...DEMO, ...metrics])).toEqual(['warning', 'warning'])
  })

  it('names variables that Kubernetes set for a service of the same name', async () => {
    const link = { NOMYO_PORT: 'tcp://10.96.0.1:12435' }
    expect(statusesOf(await diagnose(DEMO, link), 'configuration')).toEqual(['ok', 'warning'])
  })

  it.each([
    ['an empty variable of a protection', [], { NOMYO_KEY_PASSWORD: '' }],
    ['a short key', ['--api-key', 'canary'], {}],
  ])('cannot be judged with %s: the configuration is the problem', async (_what, args, env) => {
    const diagnosis = await diagnose([...DEMO, ...args], env)
    expect(statusesOf(diagnosis, 'configuration')).toEqual(['problem'])
    expect(diagnosis.exitCode).toBe(2)
  })

  it('has to do with too few threads too', async () => {
    vi.stubEnv('UV_THREADPOOL_SIZE', '1')
    onTestFinished(() => void vi.unstubAllEnvs())
    const [node, threads] = statusesOf(await diagnose(DEMO), 'runtime')
    expect([node, threads]).toEqual(['ok', 'warning'])
  })
})

describe('memory', () => {
  const MIB = 1024 * 1024

  it.each<[string, number, object, number, string]>([
    ['that suffices for the defaults', 16, {}, 1024, 'ok'],
    ['of exactly what is needed', 16, {}, 506, 'ok'],
    ['of less', 16, {}, 505, 'warning'],
    ['for larger requests', 128, {}, 1024, 'warning'],
    ['for less in flight', 16, { maxBytesInFlight: 32 * MIB }, 300, 'ok'],
  ])('%s', (_what, bodyMiB, load, presentMiB, status) => {
    expect(checkMemory({ maxBodyBytes: bodyMiB * MIB, load }, presentMiB * MIB).status).toBe(status)
  })

  it('of this machine is compared with the settings', async () => {
    expect(statusesOf(await diagnose(DEMO), 'memory')).toEqual(['ok'])
    const args = [...DEMO, '--max-bytes-in-flight', '65536MiB']
    expect(statusesOf(await diagnose(args), 'memory')).toEqual(['warning'])
  })
})

describe('wire 2', () => {
  const look = (dir: string, ...args: string[]) => diagnose([...DEMO, '--key-dir', dir, ...args])

  it('has an identity key that only its owner can read', async () => {
    const keys = await keyDir()
    expect(textOf(await look(keys), 'wire 2')).toContain('the first start creates one')
    const { identity, stop } = await testGateway({ keyDir: keys })
    await stop()
    const fine = await look(keys)
    expect(statusesOf(fine, 'wire 2')).toEqual(['ok', 'ok'])
    expect(textOf(fine, 'wire 2')).toContain(identity)
    await chmod(join(keys, 'identity_key.pem'), 0o644)
    expect(statusesOf(await look(keys), 'wire 2')).toEqual(['problem', 'ok', 'ok'])
    const findings = await checkTrustedFiles(readConfig([...DEMO, '--key-dir', keys]))
    expect(findings.map(({ status }) => status)).toEqual(['problem'])
    await chmod(join(keys, 'identity_key.pem'), 0o600)
    await writeFile(join(keys, 'identity_key.pem'), 'no key')
    const damaged = await look(keys)
    expect(statusesOf(damaged, 'wire 2')).toEqual(['problem', 'ok'])
    expect(textOf(damaged, 'wire 2')).toContain('ERR_KEY_INVALID')
  })

  it('is not pinned where it is in memory', async () => {
    expect(statusesOf(await diagnose(DEMO), 'wire 2')).toEqual(['warning', 'ok'])
  })

  it('warns of clients that are refused, and of request keys that are not shared', async () => {
    const keys = await keyDir()
    expect(statusesOf(await look(keys, '--min-wire', '2'), 'wire 2')).toEqual([
      ...['ok', 'ok', 'warning'],
    ])
    const redis = ['--redis', 'redis://127.0.0.1:1']
    const undecided = await look(keys, ...redis)
    expect(statusesOf(undecided, 'wire 2')).toEqual(['warning'])
    expect(statusesOf(await look(keys, '--request-keys', 'off'), 'wire 2')).toEqual(['ok'])
    const alone = await look(keys, ...redis, '--request-keys', 'memory')
    expect(statusesOf(alone, 'wire 2')).toEqual(['ok', 'warning'])
  })
})

describe('the clock', () => {
  it('must not be behind the time of a key', async () => {
    const keys = await keyDir()
    const look = () => diagnose([...DEMO, '--key-dir', keys])
    expect(statusesOf(await look(), 'clock')).toEqual(['ok'])
    const later = Date.now() / 1000 + 3600
    await utimes(join(keys, 'private_key.pem'), later, later)
    expect(statusesOf(await look(), 'clock')).toEqual(['problem'])
  })
})

describe('server keys', () => {
  const look = async (keys: string, more: readonly string[] = [], env = {}) =>
    diagnose([...DEMO, '--key-dir', keys, ...more], env)

  it('that will be created are distinguished from those that cannot be', async () => {
    const missing = join(temporaryFolder(), 'a', 'b')
    expect(statusesOf(await look(missing), 'server keys')).toEqual(['ok'])
    expect(existsSync(missing)).toBe(false)
    const file = temporaryFile('')
    expect(statusesOf(await look(file), 'server keys')).toEqual(['problem'])
    expect(statusesOf(await look(join(file, 'keys')), 'server keys')).toEqual(['problem'])
    const halved = testKeyDir({ 'public_key.pem': 'server.public.pem' })
    expect(statusesOf(await look(halved), 'server keys')).toEqual(['problem'])
    expect(statusesOf(await diagnose(DEMO), 'server keys')).toEqual(['warning'])
  })

  it('that others may use are reported', async () => {
    expect(statusesOf(await look(await keyDir('server', 0o644)), 'server keys')).toEqual([
      'problem',
      'ok',
    ])
    expect(statusesOf(await look(await keyDir('server', 0o640)), 'server keys')).toEqual([
      'warning',
      'ok',
    ])
    const open = await keyDir()
    await chmod(open, 0o755)
    expect(statusesOf(await look(open), 'server keys')).toEqual(['warning', 'ok'])
  })

  it('that cannot be read, are too small or encrypted otherwise are problems', async () => {
    for (const [vector, code] of [
      ['rsa2048', 'ERR_KEY_WEAK'],
      ['garbage.pem', 'ERR_KEY_INVALID'],
      ['encrypted', 'ERR_KEY_PASSWORD'],
    ] as const) {
      const diagnosis = await look(await keyDir(vector))
      expect(statusesOf(diagnosis, 'server keys')).toEqual(['problem'])
      expect(textOf(diagnosis, 'server keys')).toContain(code)
      expect(diagnosis.exitCode).toBe(1)
    }
    const mixed = testKeyDir({ 'private_key.pem': 'server', 'public_key.pem': 'other.public.pem' })
    expect(statusesOf(await look(mixed), 'server keys')).toEqual(['problem'])
    const encrypted = await keyDir('encrypted')
    const right = { NOMYO_KEY_PASSWORD: 'correct horse battery staple' }
    expect(statusesOf(await look(encrypted, [], right), 'server keys')).toEqual(['ok'])
  })

  it('that are overdue for rotation are reported', async () => {
    const keys = await keyDir()
    const longAgo = Date.now() / 1000 - 40 * DAY_S
    await utimes(join(keys, 'private_key.pem'), longAgo, longAgo)
    expect(statusesOf(await look(keys), 'server keys')).toEqual(['ok'])
    const rotated = await look(keys, ['--key-rotation', '30d'])
    expect(statusesOf(rotated, 'server keys')).toEqual(['ok', 'warning'])
  })
})

describe('files', () => {
  const password = (path: string) => ['--key-dir', testKeyDir(), '--key-password-file', path]
  const config = (path: string) => ['--config', path]

  it.each([
    ['a password that all can read', 0o644, password, 'problem'],
    ['a password that the group can read', 0o640, password, 'warning'],
    ['a password of one user', 0o600, password, 'ok'],
    ['a config file that all can change', 0o666, config, 'problem'],
    ['a config file that the group can change', 0o664, config, 'warning'],
    ['a config file that all can read', 0o644, config, 'ok'],
  ])('are checked as at a start: %s', async (_what, mode, argsFor, status) => {
    const path = temporaryFile('port: 0')
    await chmod(path, mode)
    const args = [...DEMO, ...argsFor(path)]
    expect(statusesOf(await diagnose(args), 'files')).toEqual([status])
    const findings = await checkTrustedFiles(readConfig(args))
    const own = findings.filter(({ message }) => message.includes(path))
    expect(own.map((finding) => finding.status)).toEqual(status === 'ok' ? [] : [status])
  })

  it('of secrets in a config file are among them', async () => {
    const secret = temporaryFile('a-key-that-is-long-enough')
    await chmod(secret, 0o644)
    const path = temporaryFile(`apiKey: { file: ${secret} }`)
    const diagnosis = await diagnose([...DEMO, ...config(path)])
    expect(statusesOf(diagnosis, 'files')).toEqual(['problem'])
    expect(textOf(diagnosis, 'files')).toContain(secret)
  })

  it.skipIf(!existsSync('/etc/shadow'))(
    'of root may be read by a group of their user',
    async () => {
      vi.spyOn(process, 'geteuid').mockReturnValue(1000)
      onTestFinished(() => void vi.restoreAllMocks())
      const { mode, uid } = statSync('/etc/shadow')
      const findings = await checkAccess('/etc/shadow', { mode: '600', secret: true })
      expect(findings).toHaveLength(uid === 0 && (mode & 0o027) === 0 ? 0 : 1)
      const passwd = await checkAccess('/etc/passwd', { mode: '600', secret: true })
      expect(passwd.map(({ status }) => status)).toEqual(['problem'])
      expect(await checkAccess('/etc/passwd', { mode: '644', secret: false })).toEqual([])
    },
  )

  it('of other users are reported', async () => {
    const path = temporaryFile('x')
    await chmod(path, 0o600)
    vi.spyOn(process, 'geteuid').mockReturnValue(statSync(path).uid + 1)
    onTestFinished(() => void vi.restoreAllMocks())
    const findings = await checkAccess(path, { mode: '600', secret: true })
    // Those of root are its own in any case.
    expect(findings).toHaveLength(statSync(path).uid === 0 ? 0 : 1)
  })

  it('are reported at a start, which goes on', async () => {
    const path = temporaryFile('{"version":1,"keys":[]}')
    await chmod(path, 0o666)
    const gateway = await testGateway({ args: ['--engine', 'demo', '--keys-file', path] })
    expect(gateway.log()).toContain(`${path} has mode 0666`)
  })
})

describe('shutdown', () => {
  it.each([
    ['by default', [], 'ok'],
    ['as long as an answer', ['--drain-timeout', '10m'], 'ok'],
    ['shorter than an answer', ['--drain-timeout', '30s'], 'warning'],
  ])('%s', async (_how, args, status) => {
    expect(statusesOf(await diagnose([...DEMO, ...args]), 'shutdown')).toEqual([status])
  })

  it('waits longer than the slowest upstream of the file', () => {
    const upstream = (name: string, totalMs: number): string =>
      `\n  - { name: ${name}, url: 'http://127.0.0.1:1/v1', timeouts: { totalMs: ${totalMs} } }`
    const path = temporaryFile(`upstreams:${upstream('a', 900_000)}${upstream('b', 1000)}`)
    expect(drainTimeoutMs(readConfig(['--config', path]))).toBe(960_000)
  })
})

describe('capacity', () => {
  it.each<[string, readonly string[], number | undefined, readonly string[]]>([
    ['just enough files', [], 4672, []],
    ['few files', [], 4671, ['--max-connections']],
    ['few connections', ['--max-connections', '100'], 1024, []],
    ['a system without limits of files', [], undefined, []],
    ['a window of days', ['--replay-window', '3d'], 65_536, ['--replay-window']],
    ['a window of days in Redis', ['--replay-window', '3d', '--redis', 'redis://r'], 65_536, []],
  ])('is compared with the limits of the configuration: %s', (_what, args, files, flags) => {
    const findings = examineCapacity(readConfig([...DEMO, ...args]), files)
    const warnings = findings.filter(({ status }) => status === 'warning')
    expect(warnings.map(({ remedy = '' }) => /--[a-z-]+/.exec(remedy)?.[0])).toEqual(flags)
    expect(findings).toHaveLength(Math.max(1, flags.length))
  })
})

describe('a debugger', () => {
  it('is a problem of the runtime', async () => {
    vi.stubEnv('NODE_OPTIONS', '--inspect')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(statusesOf(await diagnose(DEMO), 'runtime')).toContain('problem')
  })
})

describe('API keys', () => {
  const look = async (path: string) =>
    statusesOf(await diagnose([...DEMO, '--keys-file', path]), 'API keys')

  it('are counted, and a file that is missing, broken, empty or readable by others is reported', async () => {
    const path = await keysFile()
    expect(await look(path)).toEqual(['ok'])
    await chmod(path, 0o644)
    expect(await look(path)).toEqual(['ok', 'warning'])
    await chmod(path, 0o600)
    await writeFile(path, '{"version":1,"keys":[]}')
    expect(await look(path)).toEqual(['warning'])
    await writeFile(path, '{"version":1,"keys":[{}]}')
    expect(await look(path)).toEqual(['problem'])
    expect(await look(join(path, 'none'))).toEqual(['problem'])
  })
})

describe('upstreams', () => {
  const look = async (url: string, more: readonly string[] = []) =>
    diagnose(['--port', '0', '--upstream', url, ...more])

  it('that cannot be reached are problems, with what to do', async () => {
    for (const [url, reason] of [
      ['http://127.0.0.1:1/v1', 'ECONNREFUSED'],
      [`http://127.0.0.1:${await takenPort()}/v1`, 'HTTPParserError'],
      ['http://nomyo-upstream.invalid/v1', /ENOTFOUND|EAI_AGAIN/],
    ] as const) {
      const diagnosis = await look(url)
      expect(statusesOf(diagnosis, 'upstreams').at(-1)).toBe('problem')
      expect(textOf(diagnosis, 'upstreams')).toMatch(reason)
      expect(diagnosis.exitCode).toBe(1)
    }
  })

  it('with a wrong key are distinguished from those with a wrong path', async () => {
    for (const status of [401, 403]) {
      const diagnosis = await look((await upstream(status)).url)
      expect(statusesOf(diagnosis, 'upstreams')).toEqual(['problem'])
      expect(textOf(diagnosis, 'upstreams')).toContain('NOMYO_UPSTREAM_KEY')
    }
    const wrongPath = (await upstream(404)).url.replace('/v1', '')
    expect(textOf(await look(wrongPath), 'upstreams')).toContain(`${wrongPath}/v1`)
    const page = await upstream()
    page.answer = (response) => response.end('<html>')
    expect(statusesOf(await look(page.url), 'upstreams')).toEqual(['problem'])
  })

  it.each<[string, string, Record<string, readonly [number, string]>, readonly string[], RegExp]>([
    [
      'whose URL lacks /v1',
      '',
      { '/v1/models': [200, '{"data":[{"id":"m"}]}'] },
      ['problem'],
      /use the URL http:\/\/127\.0\.0\.1:\d+\/v1$/m,
    ],
    [
      'at a path where neither lists nor completions exist',
      '/api',
      {},
      ['problem'],
      /neither .*\/api\/models nor .*\/api\/chat\/completions exists/,
    ],
    [
      'without a list of models',
      '/v1',
      { '/v1/chat/completions': [405, ''] },
      ['warning'],
      /lists no models .*404/,
    ],
    [
      'with a list that cannot be read',
      '/v1',
      { '/v1/models': [200, '{"list":[]}'], '/v1/chat/completions': [405, ''] },
      ['warning'],
      /no list of models/,
    ],
    ['with a bare array', '/v1', { '/v1/models': [200, '[{"id":"m"}]'] }, ['ok'], /lists 1 model,/],
    [
      'with another list',
      '/v1',
      { '/v1/models': [200, '{"models":["m"]}'] },
      ['ok'],
      /lists 1 model,/,
    ],
    ['that fail', '/v1', { '/v1/models': [503, ''] }, ['problem'], /status 503/],
  ])('%s are named', async (_what, path, paths, statuses, text) => {
    const server = await testModelServer((response, { url = '' }) => {
      const [status, body] = paths[url] ?? [404, '']
      response.writeHead(status).end(body)
    })
    const diagnosis = await look(server.url.replace('/v1', path))
    expect(statusesOf(diagnosis, 'upstreams')).toEqual(statuses)
    expect(textOf(diagnosis, 'upstreams')).toMatch(text)
  })

  it('are checked at the path of their health check too', async () => {
    let status = 200
    const server = await testModelServer((response, { url = '' }) => {
      response.writeHead(url === '/health' ? status : 200).end('{"data":[]}')
    })
    const check = async () =>
      statusesOf(await look(server.url, ['--health-path', '/health']), 'upstreams')
    expect(await check()).toEqual(['ok'])
    status = 404
    expect(await check()).toEqual(['warning', 'ok'])
    status = 503
    expect(await check()).toEqual(['problem'])
    status = 401
    expect(await check()).toEqual(['problem'])
  })

  it('that refuse the key for the list of models alone are named with it', async () => {
    const server = await testModelServer((response, { url = '' }) => {
      response.writeHead(url === '/health' ? 200 : 401).end()
    })
    const diagnosis = await look(server.url, ['--health-path', '/health'])
    expect(statusesOf(diagnosis, 'upstreams')).toEqual(['problem'])
    expect(textOf(diagnosis, 'upstreams')).toContain(`${server.url}/models has status 401`)
  })

  it('over the network without TLS are warned about', async () => {
    const { url } = await upstream()
    // An address that is not known to be of this machine, and leads to it.
    const far = await look(url.replace('127.0.0.1', '0.0.0.0'))
    expect(statusesOf(far, 'upstreams')).toEqual(['warning', 'ok'])
  })

  it('without a model that is named are warned about, also for a tier', async () => {
    const config = join(temporaryFolder(), 'gateway.yaml')
    const [a, b] = [await upstream(), await upstream(200, ['qwen/1'])]
    await writeFile(
      config,
      `port: 0
upstreams:
  - { name: a, url: '${a.url}', models: [llama3, gone] }
  - { name: b, url: '${b.url}', models: ['qwen/*'] }
tiers: { standard: { models: [llama3, 'qwen/*', lost] } }
`,
    )
    const diagnosis = await diagnose(['--config', config])
    expect(statusesOf(diagnosis, 'upstreams')).toEqual(['ok', 'warning', 'ok', 'warning'])
    expect(textOf(diagnosis, 'upstreams')).toMatch(/\bgone\b[^]*\blost\b/)
  })

  it('are asked with their key', async () => {
    const server = await upstream()
    await look(server.url, ['--upstream-key', 'canary'])
    expect(server.seen[0]?.headers.authorization).toBe('Bearer canary')
  })
})

describe('the command', () => {
  it('reports mistakes by file, line and member, and exits with 2', async () => {
    const config = temporaryFile('port: 1\nupstreams:\n  - name: a\n    url: nowhere\n')
    const diagnosis = await diagnose(['--config', config])
    expect(diagnosis).toMatchObject({ exitCode: 2, ok: false })
    expect(diagnosis.findings).toHaveLength(1)
    expect(textOf(diagnosis, 'configuration')).toContain(`${config}:4: upstreams[0].url`)
    for (const args of [['--print-config', ...DEMO], ['rotate', '--key-dir', 'x'], ['--wrong'], []])
      expect((await diagnose(args)).exitCode).toBe(2)
  })

  it('ends with 0, 1 or 2, and writes to standard output only', async () => {
    const well = await runCommand(['doctor', ...DEMO])
    expect(well).toMatchObject({ code: 0, stderr: '' })
    expect(well.stdout).toMatch(/^warning +exposure /m)
    expect(well.stdout).not.toContain('\u001b')
    const ill = await runCommand(['doctor', ...DEMO, '--keys-file', '/nowhere'])
    expect(ill).toMatchObject({ code: 1, stderr: '' })
    expect(ill.stdout).toMatch(/^problem +API keys .*\n +-> /m)
    expect(await runCommand(['doctor', '--wrong'])).toMatchObject({ code: 2, stderr: '' })
    expect((await runCommand(['--help'])).stdout).toContain('nomyo-gateway doctor')
  })

  it('is coloured on a terminal, unless NO_COLOR', async () => {
    const args = ['doctor', ...DEMO]
    const terminal = { isTTY: true }
    expect((await runCommand(args, {}, terminal)).stdout).toContain('\u001b[')
    const plain = await runCommand(args, { NO_COLOR: '1' }, terminal)
    expect(plain.stdout).not.toContain('\u001b[')
  })

  it('limits the time of each check, and survives one that fails', async () => {
    const checks = [
      { name: 'hangs', run: () => new Promise<never>(() => undefined) },
      { name: 'fails', run: () => Promise.reject(new Error('canary')) },
    ]
    const findings = await runChecks(readConfig(DEMO), checks, 20)
    expect(findings).toMatchObject([
      { check: 'hangs', status: 'problem' },
      { check: 'fails', status: 'problem' },
    ])
    expect(JSON.stringify(findings)).not.toContain('canary')
  })

  it('shows no secret, with or without problems', async () => {
    const passwordFile = temporaryFile('canary-password\n')
    const keys = ['--key-dir', await keyDir('encrypted'), '--key-password-file', passwordFile]
    const env = {
      NOMYO_API_KEY: 'canary-of-the-caller',
      NOMYO_UPSTREAM_KEY: 'canary-upstream',
      NOMYO_REDIS: 'redis://canary-user:canary-redis@127.0.0.1:1',
    }
    for (const url of [
      (await upstream(401)).url,
      (await upstream()).url,
      'http://127.0.0.1:1/v1',
    ]) {
      const args = ['doctor', '--port', '0', '--upstream', url, ...keys]
      for (const format of [[], ['--json']]) {
        const { stdout, stderr, code } = await runCommand([...args, ...format], env)
        expect(code).toBe(1)
        expect(stdout + stderr).not.toMatch(/canary/)
      }
    }
    const wrong = { ...env, NOMYO_REDIS: 'canary-redis', NOMYO_KEY_PASSWORD: 'canary-password' }
    expect((await diagnose(DEMO, wrong)).text).not.toContain('canary')
  })
})
